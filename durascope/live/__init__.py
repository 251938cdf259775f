"""The real engines: start one, run a scenario on it with real kills, and compare the recording with the model."""
