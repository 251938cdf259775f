"""A simulation told in the terminal: time lines, records side by side, the ledger, and the numbers."""
