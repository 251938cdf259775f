"""A simulation in the terminal: timelines, records side by side, the ledger, and the summary."""
