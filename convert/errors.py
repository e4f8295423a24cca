"""Errors of conversion."""

from densepose_mobile.errors import DensePoseError

__all__ = ["ConversionError"]


class ConversionError(DensePoseError):
    """A network that a target cannot express, or a converted graph that is not what it must be."""
