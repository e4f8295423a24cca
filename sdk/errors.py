"""The one error tree of densepose-mobile. Each message names the value that was wrong and the mend."""

__all__ = [
    "AssetError",
    "BackendUnavailable",
    "BundleError",
    "DensePoseError",
    "HashMismatch",
    "InputError",
    "OutputError",
    "StreamClosed",
    "TimestampError",
    "UnsupportedSchema",
]


class DensePoseError(Exception):
    """Root of every error that densepose-mobile raises on purpose."""


class InputError(DensePoseError):
    """A picture, array, annotation file or argument that cannot be used."""


class TimestampError(DensePoseError):
    """A frame whose time is not after that of the frame before it, or is no time."""


class StreamClosed(DensePoseError):
    """A video or stream that was closed."""


class OutputError(DensePoseError):
    """A result that cannot be written (read-only folder, full disk)."""


class AssetError(DensePoseError):
    """An asset folder or a file in it is missing or not what its manifest says."""


class BackendUnavailable(DensePoseError):
    """A runtime that is not installed or cannot run the requested graph."""


class BundleError(DensePoseError):
    """A file that is not a usable bundle."""


class HashMismatch(BundleError):
    """A bundle member whose bytes differ from the manifest's sha256."""


class UnsupportedSchema(BundleError):
    """A bundle written by a newer version of densepose-mobile."""
