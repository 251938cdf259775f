"""Inngest: events, queue, executor, state, pauses."""
