"""Synthetic people with exact dense truth, and the readers that feed training."""
