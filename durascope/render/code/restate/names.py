"""What projects for Restate call their own services."""

SIGNALS = "Signals"
"""The service that sends named signals, which only handlers can."""
