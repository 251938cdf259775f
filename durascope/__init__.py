"""Discrete-event models of Temporal, Inngest and Restate: what a workflow does on each of them when things break."""

__version__ = "0.1.0"
