"""A project for Restate's Python SDK: services with handlers, their endpoint, a starter, a test."""
