"""The real engines: start one, run a scenario on it, kill what it kills, and lay the recording beside the model."""
