"""How engines behave: one SimPy model per engine, on a common kernel."""
