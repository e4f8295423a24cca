"""Applications built on the SDK alone."""
