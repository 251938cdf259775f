"""Restate's journals, made into scenarios."""
