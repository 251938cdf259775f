"""A project for Inngest's Python SDK: events, functions, a server, a starter, a test."""
