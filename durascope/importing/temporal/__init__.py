"""Temporal's event histories, made into scenarios."""
