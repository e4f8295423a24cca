"""The operators of MIL against torch's, and what is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from densepose_mobile.runtime.mil_operators import OPERATORS, UnsupportedArgument

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def normal(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def same(kind: str, expected: Any, **arguments: Any) -> None:
    np.testing.assert_allclose(OPERATORS[kind](**arguments), np.asarray(expected), rtol=1e-5, atol=1e-5)


def tensors(*arrays: NDArray[np.float32]) -> list[Any]:
    return [torch.from_numpy(array) for array in arrays]


@given(
    st.sampled_from([(6, 4, 1), (6, 4, 2), (6, 6, 6), (6, 12, 6)]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.tuples(*[st.integers(0, 2)] * 4),
    st.booleans(),
    st.integers(1, 2),
)
def test_convolutions(
    channels: tuple[int, int, int],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    pad: tuple[int, int, int, int],
    biased: bool,
    batch: int,
) -> None:
    inside, outside, groups = channels
    top, bottom, left, right = pad
    reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    assume(7 + top + bottom >= reach[0] and 5 + left + right >= reach[1])
    x, weight = normal(batch, inside, 7, 5), normal(outside, inside // groups, *kernel)
    bias = normal(outside) if biased else None
    padded, kernels = tensors(np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right))), weight)
    expected = functional.conv2d(
        padded, kernels, None if bias is None else torch.from_numpy(bias), strides, 0, dilations, groups
    )
    same(
        "conv", expected, x=x, weight=weight, strides=strides, pad_type="custom", pad=pad, dilations=dilations,
        groups=groups, bias=bias,
    )  # fmt: skip


@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1.0, 2.0, 3.0, 4.0]), st.sampled_from([1.0, 2.0, 4.0]))
def test_bilinear_upsampling(height: int, width: int, down: float, across: float) -> None:
    x = normal(2, 3, height, width)
    expected = functional.interpolate(*tensors(x), scale_factor=(down, across), mode="bilinear", align_corners=False)
    arguments = {"scale_factor_height": down, "scale_factor_width": across, "align_corners": False}
    same("upsample_bilinear", expected, x=x, **arguments)


@pytest.mark.parametrize(
    ("mode", "torch_mode"), [("constant", "constant"), ("reflect", "reflect"), ("replicate", "replicate")]
)
def test_padding(mode: str, torch_mode: str) -> None:
    x = normal(1, 2, 4, 5)
    value = {"value": 1.5} if mode == "constant" else {}
    expected = functional.pad(*tensors(x), (2, 0, 1, 3), mode, **value)
    same("pad", expected, x=x, pad=[1, 3, 2, 0], mode=mode, constant_val=1.5)


@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
def test_products_of_batches(transposed: tuple[bool, bool]) -> None:
    x = normal(2, 4, 3) if transposed[0] else normal(2, 3, 4)
    y = normal(2, 5, 4) if transposed[1] else normal(2, 4, 5)
    a, b = (t.mT if turned else t for t, turned in zip(tensors(x, y), transposed, strict=True))
    same("matmul", a @ b, x=x, y=y, transpose_x=transposed[0], transpose_y=transposed[1])


def test_pooling_and_means() -> None:
    x = normal(1, 3, 6, 8)
    (t,) = tensors(x)
    same("avg_pool", functional.avg_pool2d(t, (2, 3), (2, 1)), x=x, kernel_sizes=[2, 3], strides=[2, 1])
    same("reduce_mean", t.mean((2, 3)), x=x, axes=[2, 3], keep_dims=False)
    same("reduce_mean", t.mean((1,), keepdim=True), x=x, axes=[-3], keep_dims=True)
    same("reduce_mean", t.mean(), x=x)


def test_shapes() -> None:
    x = normal(2, 3, 4, 5)
    same("reshape", x.reshape(2, 12, 5), x=x, shape=[0, -1, 5])
    same("transpose", x.transpose(0, 2, 3, 1), x=x, perm=[0, 2, 3, 1])
    same("expand_dims", x[:, None, :, None], x=x, axes=[1, 3])
    same("squeeze", x[:1, 0], x=x[:1, :1], axes=[1])
    same("squeeze", x[0, 0], x=x[:1, :1])
    same("concat", np.concatenate([x, x], 1), values=(x, x), axis=1)
    same("slice_by_index", x[1:2, :, ::2, :-1], x=x, begin=[1, 0, 0, 0], end=[2, 3, 4, -1], stride=[1, 1, 2, 1])
    masks = {"begin_mask": [True, False, False, False], "end_mask": [False, False, True, True]}
    same("slice_by_index", x[:1, 1:2, 2:, 3:], x=x, begin=[1, 1, 2, 3], end=[1, 2, 0, 0], **masks)
    squeezed = {"squeeze_mask": [False, True, False, False], "end_mask": [True, False, True, True]}
    same("slice_by_index", x[:, 2], x=x, begin=[0, 2, 0, 0], end=[0, 3, 0, 0], **squeezed)


def test_functions_of_one_and_two() -> None:
    x, y = normal(3, 4) * 8, normal(1, 4)
    a, b = tensors(x, y)
    with np.errstate(over="raise"):
        same("sigmoid", torch.sigmoid(a * 20), x=x * 20)
    for kind, expected in {"relu": functional.relu(a), "relu6": functional.relu6(a), "cast": a, "identity": a}.items():
        same(kind, expected, x=x, **({"dtype": "fp32"} if kind == "cast" else {}))
    same("clip", a.clamp(-1, 2), x=x, alpha=-1, beta=2)
    for kind, expected in {
        "add": a + b, "sub": a - b, "mul": a * b, "real_div": a / b,
        "maximum": torch.maximum(a, b), "minimum": torch.minimum(a, b),
    }.items():  # fmt: skip
        same(kind, expected, x=x, y=y)


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        ("conv", {"weight": normal(1, 1, 3, 3), "pad_type": "same"}, "conv with pad_type 'same'"),
        ("pad", {"pad": [1, 1], "mode": "wrap"}, "pad with mode 'wrap'"),
        ("upsample_bilinear", {"align_corners": True}, "aligned corners"),
        ("upsample_bilinear", {"align_corners": False, "half_pixel_centers": False}, "half-pixel"),
        ("avg_pool", {"kernel_sizes": [2, 2], "pad_type": "custom", "pad": [1, 0, 0, 0]}, r"pad \[1, 0, 0, 0\]"),
    ],
)
def test_what_is_not_computed_is_refused(kind: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UnsupportedArgument, match=words):
        OPERATORS[kind](x=normal(1, 1, 4, 4), **arguments)
