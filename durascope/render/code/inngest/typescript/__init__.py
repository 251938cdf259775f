"""A project for Inngest's TypeScript SDK: events, functions, a server, a starter, a test."""
