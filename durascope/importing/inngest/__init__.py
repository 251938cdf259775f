"""Inngest's run traces, made into scenarios."""
