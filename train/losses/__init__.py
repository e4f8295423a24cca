"""Losses of the detector and of the dense head."""
