"""Projects for Restate."""
