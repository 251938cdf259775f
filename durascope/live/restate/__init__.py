"""Restate for real: its server, a service endpoint on its Python SDK, and what both recorded."""
