"""Temporal for real: its dev server, workers that interpret scenarios on its Python SDK, its histories as lines."""
