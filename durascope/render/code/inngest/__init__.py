"""Projects on Inngest's SDKs."""
