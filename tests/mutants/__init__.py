"""Mutation runs: how many breaks of the simulators the tests notice. `make mutants`; the figures: docs/mutants.md."""
