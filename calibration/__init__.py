"""Choosing calibration pictures and measuring what quantisation does to each layer."""
