"""Random scenarios on the real engines: drawn, verified, and where they differ made as small as they can be."""
