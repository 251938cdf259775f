"""A project for Temporal's Python SDK: workflows, activities, a worker, a starter, a test."""
