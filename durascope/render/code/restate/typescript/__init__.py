"""A project for Restate's TypeScript SDK: services with handlers, their endpoint, a starter, a test."""
