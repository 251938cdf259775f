"""How the engines behave: a SimPy world, and a model of each engine in it."""
