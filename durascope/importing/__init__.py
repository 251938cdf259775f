"""Recordings of real engines, made into scenarios: what they say, what is inferred from it, and what they can't say."""
