"""Temporal: history, matching, workers."""
