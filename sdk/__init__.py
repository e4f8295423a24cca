"""Dense pose on the phone: the body part and surface coordinate of every body pixel.

>>> from densepose_mobile import DensePose
>>> result = DensePose.load().predict("photo.jpg")        # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from densepose_mobile.errors import (
    AssetError,
    BackendUnavailable,
    BundleError,
    DensePoseError,
    DisplayUnavailable,
    HashMismatch,
    InputError,
    OutputError,
    StreamClosed,
    TimestampError,
    UnsupportedSchema,
)

if TYPE_CHECKING:
    from densepose_mobile.options import Options
    from densepose_mobile.predictor import DensePose
    from densepose_mobile.results import DensePoseResult, Person
    from densepose_mobile.streaming import Stream
    from densepose_mobile.tracking import Video, VideoOptions

__all__ = [
    "AssetError",
    "BackendUnavailable",
    "BundleError",
    "DensePose",
    "DensePoseError",
    "DensePoseResult",
    "DisplayUnavailable",
    "HashMismatch",
    "InputError",
    "Options",
    "OutputError",
    "Person",
    "Stream",
    "StreamClosed",
    "TimestampError",
    "UnsupportedSchema",
    "Video",
    "VideoOptions",
]

# Imported when first asked for, so that `densepose_mobile.errors` and the command line's help do not wait for OpenCV.
_LAZY: Final = {
    "DensePose": "densepose_mobile.predictor",
    "DensePoseResult": "densepose_mobile.results",
    "Options": "densepose_mobile.options",
    "Person": "densepose_mobile.results",
    "Stream": "densepose_mobile.streaming",
    "Video": "densepose_mobile.tracking",
    "VideoOptions": "densepose_mobile.tracking",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
