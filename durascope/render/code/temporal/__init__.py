"""Projects for Temporal."""
