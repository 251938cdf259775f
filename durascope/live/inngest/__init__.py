"""Inngest for real: a host on its Python SDK, a relay that records, a dev server; and the SDK as judge of the model."""
