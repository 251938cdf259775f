"""The public API: plain functions over the rooms below, and results that show themselves in a notebook."""
