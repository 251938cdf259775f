"""Machines that hunt for broken promises: `python -m tests.fuzz --minutes N`."""
