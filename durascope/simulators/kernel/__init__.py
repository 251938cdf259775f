"""The world that every model lives in: clock, components, network, luck, faults, recorder."""
