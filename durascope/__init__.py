"""Discrete-event models of Temporal, Inngest and Restate: what a workflow does on each when things break."""

__version__ = "0.1.0"
