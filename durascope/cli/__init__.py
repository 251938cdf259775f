"""The `durascope` command."""
