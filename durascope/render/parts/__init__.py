"""What the architecture of a scenario consists of, an engine a module: components, queues, stores, calls."""
