"""A project for Temporal's TypeScript SDK: workflows, activities, a worker, a starter, a test."""
