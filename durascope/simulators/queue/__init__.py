"""The baseline without durable execution: a message-queue consumer."""
