"""The real engines: start one, run a scenario on it, kill what the scenario kills, and lay the recording beside the model."""
