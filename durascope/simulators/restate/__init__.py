"""Restate: log, partition, journal, invoker, objects."""
