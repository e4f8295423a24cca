"""Rendered pictures that the demo shows to whoever has no camera; README.md says what they are made of."""
