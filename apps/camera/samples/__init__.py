"""The film of rendered people that the demo shows to whoever has no camera; README.md says what it is made of."""
