"""Operators of Core ML's MIL in NumPy: those that the networks here are made of.

Each takes MIL's own argument names. Arrays are channels first, (N, C, H, W), and computed in float32 whatever they are
stored in. Meaning of the arguments: coremltools, `converters.mil.mil.ops.defs`.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["OPERATORS", "UnsupportedArgument"]

Array = NDArray[Any]


class UnsupportedArgument(ValueError):
    """An operator asked to do what this module does not."""


def _conv(
    x: Array,
    weight: Array,
    strides: Sequence[int] = (1, 1),
    pad_type: str = "valid",
    pad: Sequence[int] = (0, 0, 0, 0),
    dilations: Sequence[int] = (1, 1),
    groups: int = 1,
    bias: Array | None = None,
) -> Array:
    """x: (N, C, H, W); weight: (K, C / groups, kh, kw); pad: top, bottom, left, right, for pad_type "custom"."""
    if pad_type not in ("valid", "custom") or x.ndim != 4:
        raise UnsupportedArgument(f"conv with pad_type {pad_type!r} of an array of {x.ndim} axes")
    if pad_type == "custom":
        top, bottom, left, right = (int(n) for n in pad)
        x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    channels, (kh, kw), groups = weight.shape[0], weight.shape[2:], int(groups)
    reach = [(size - 1) * int(step) + 1 for size, step in zip((kh, kw), dilations, strict=True)]
    windows = sliding_window_view(x, reach, axis=(2, 3))[
        :, :, :: int(strides[0]), :: int(strides[1]), :: int(dilations[0]), :: int(dilations[1])
    ]
    batch, _, height, width = windows.shape[:4]
    if groups == channels == x.shape[1]:
        out = np.zeros((batch, channels, height, width), np.float32)
        for i in range(kh):
            for j in range(kw):
                out += windows[..., i, j] * weight[None, :, 0, i, j, None, None]
    else:
        columns = windows.transpose(0, 1, 4, 5, 2, 3).reshape(batch, groups, -1, height * width)
        out = (weight.reshape(groups, channels // groups, -1) @ columns).reshape(batch, channels, height, width)
    return out if bias is None else out + bias[:, None, None]


def _pad(x: Array, pad: Sequence[int], mode: str = "constant", constant_val: float = 0.0) -> Array:
    """pad: before and after, of the last axes."""
    pairs = np.asarray(pad, int).reshape(-1, 2)
    widths = [(0, 0)] * (x.ndim - len(pairs)) + [(int(before), int(after)) for before, after in pairs]
    if mode == "constant":
        return np.pad(x, widths, constant_values=constant_val)
    if mode not in ("reflect", "replicate"):
        raise UnsupportedArgument(f"pad with mode {mode!r}")
    return np.pad(x, widths, mode="reflect" if mode == "reflect" else "edge")


def _upsample_bilinear(
    x: Array,
    scale_factor_height: float = 1,
    scale_factor_width: float = 1,
    align_corners: bool = True,
    half_pixel_centers: bool | None = None,
) -> Array:
    if align_corners or half_pixel_centers is False:
        raise UnsupportedArgument("upsample_bilinear of aligned corners, or without half-pixel centres")
    return _stretch(_stretch(x, 2, float(scale_factor_height)), 3, float(scale_factor_width))


def _stretch(x: Array, axis: int, factor: float) -> Array:
    """Linear interpolation along one axis, pixel centres at + 0.5, the border repeated."""
    size = x.shape[axis]
    centres = np.clip((np.arange(int(size * factor)) + 0.5) / factor - 0.5, 0, size - 1)
    low = np.minimum(centres.astype(int), max(size - 2, 0))
    shape = [1] * x.ndim
    shape[axis] = -1
    share = (centres - low).astype(np.float32).reshape(shape)
    return np.take(x, low, axis) * (1 - share) + np.take(x, np.minimum(low + 1, size - 1), axis) * share


def _reshape(x: Array, shape: Sequence[int]) -> Array:
    """0 keeps the axis of that place, -1 takes what is left."""
    return x.reshape([x.shape[axis] if int(n) == 0 else int(n) for axis, n in enumerate(shape)])


def _concat(values: Sequence[Array], axis: int, interleave: bool = False) -> Array:
    if interleave:
        raise UnsupportedArgument("concat that interleaves")
    return np.concatenate(values, int(axis))


def _matmul(x: Array, y: Array, transpose_x: bool = False, transpose_y: bool = False) -> Array:
    return np.matmul(x.swapaxes(-1, -2) if transpose_x else x, y.swapaxes(-1, -2) if transpose_y else y)


def _slice_by_index(
    x: Array,
    begin: Sequence[int],
    end: Sequence[int],
    stride: Sequence[int] | None = None,
    begin_mask: Sequence[bool] | None = None,
    end_mask: Sequence[bool] | None = None,
    squeeze_mask: Sequence[bool] | None = None,
) -> Array:
    """A mask leaves that end open; a squeezed axis is indexed and goes."""

    def chosen(mask: Sequence[bool] | None, axis: int) -> bool:
        return mask is not None and bool(mask[axis])

    return x[
        tuple(
            int(begin[axis])
            if chosen(squeeze_mask, axis)
            else slice(
                None if chosen(begin_mask, axis) else int(begin[axis]),
                None if chosen(end_mask, axis) else int(end[axis]),
                None if stride is None else int(stride[axis]),
            )
            for axis in range(x.ndim)
        )
    ]


def _reduce_mean(x: Array, axes: Sequence[int] | None = None, keep_dims: bool = False) -> Array:
    return np.mean(x, None if axes is None else tuple(int(axis) for axis in axes), keepdims=bool(keep_dims))


def _avg_pool(
    x: Array,
    kernel_sizes: Sequence[int],
    strides: Sequence[int] = (1, 1),
    pad_type: str = "valid",
    pad: Sequence[int] = (0, 0, 0, 0),
    exclude_padding_from_average: bool = False,
    ceil_mode: bool = False,
) -> Array:
    if np.any(pad) or pad_type not in ("valid", "custom") or ceil_mode:
        raise UnsupportedArgument(f"avg_pool with pad_type {pad_type!r}, pad {list(pad)}, ceil_mode {ceil_mode}")
    windows = sliding_window_view(x, [int(n) for n in kernel_sizes], axis=(2, 3))
    return np.mean(windows[:, :, :: int(strides[0]), :: int(strides[1])], axis=(4, 5))


def _sigmoid(x: Array) -> Array:
    positive = 1 / (1 + np.exp(-np.abs(x)))
    return np.where(x >= 0, positive, 1 - positive)


OPERATORS: Final[Mapping[str, Callable[..., Array]]] = MappingProxyType(
    {
        "add": lambda x, y: x + y,
        "sub": lambda x, y: x - y,
        "mul": lambda x, y: x * y,
        "real_div": lambda x, y: x / y,
        "maximum": lambda x, y: np.maximum(x, y),
        "minimum": lambda x, y: np.minimum(x, y),
        "relu": lambda x: np.maximum(x, 0),
        "relu6": lambda x: np.clip(x, 0, 6),
        "clip": lambda x, alpha, beta: np.clip(x, alpha, beta),
        "sigmoid": _sigmoid,
        "cast": lambda x, dtype: x,  # the evaluator stores every result in its declared type
        "identity": lambda x: x,
        "transpose": lambda x, perm: x.transpose([int(axis) for axis in perm]),
        "expand_dims": lambda x, axes: np.expand_dims(x, tuple(int(axis) for axis in axes)),
        "squeeze": lambda x, axes=None: np.squeeze(x, None if axes is None else tuple(int(axis) for axis in axes)),
        "reshape": _reshape,
        "concat": _concat,
        "slice_by_index": _slice_by_index,
        "matmul": _matmul,
        "conv": _conv,
        "avg_pool": _avg_pool,
        "reduce_mean": _reduce_mean,
        "pad": _pad,
        "upsample_bilinear": _upsample_bilinear,
    }
)
"""Kind of operator -> function of its arguments by name."""
