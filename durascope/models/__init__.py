"""What things are: scenarios, traces and records, as plain data and pure functions."""
