"""Which layers lose the most to quantisation, and what keeping them in floating point would give back."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError

__all__ = ["LayerGain", "SqnrMeter", "rank_layers", "sqnr_db"]

_CEILING = 200.0  # dB, stands for "no error at all"


def sqnr_db(reference: NDArray[np.floating], quantised: NDArray[np.floating]) -> float:
    """Signal to quantisation noise ratio in dB: 10 log10(sum(reference²) / sum((reference - quantised)²)).

    Both of one shape. Equal arrays give 200, a silent reference with any error gives -200.

    Raises:
        InputError: the shapes differ.
    """
    meter = SqnrMeter()
    meter.add(reference, quantised)
    return meter.db


@dataclass
class SqnrMeter:
    """The ratio over many arrays, as if they were one."""

    signal: float = 0.0
    noise: float = 0.0
    largest: float = 0.0  # greatest absolute difference

    def add(self, reference: NDArray[np.floating], quantised: NDArray[np.floating]) -> None:
        """Count one pair. Raises InputError where the shapes differ."""
        if reference.shape != quantised.shape:
            raise InputError(f"cannot compare shapes {reference.shape} and {quantised.shape}")
        exact = np.asarray(reference, np.float64)
        difference = exact - quantised
        self.signal += float(np.square(exact).sum())
        self.noise += float(np.square(difference).sum())
        self.largest = max(self.largest, float(np.abs(difference).max(initial=0.0)))

    @property
    def db(self) -> float:
        """dB, within -200 .. 200."""
        if self.noise == 0:
            return _CEILING
        if self.signal == 0:
            return -_CEILING
        return min(max(10 * math.log10(self.signal / self.noise), -_CEILING), _CEILING)


@dataclass(frozen=True)
class LayerGain:
    """What keeping one layer in floating point does to each output, in dB of SQNR above everything quantised."""

    layer: str
    gain: Mapping[str, float]

    @property
    def mean(self) -> float:
        """dB, mean over the outputs."""
        return sum(self.gain.values()) / len(self.gain)


def rank_layers(
    layers: Sequence[str], evaluate: Callable[[tuple[str, ...]], Mapping[str, float]]
) -> tuple[Mapping[str, float], list[LayerGain]]:
    """Order layers by what leaving each unquantised gives back.

    evaluate: quantises all but the named layers and returns the SQNR of each output in dB; it is called once for each
    layer and once for none.

    Returns the SQNR with everything quantised, and the layers, the most sensitive first.
    """
    base = dict(evaluate(()))
    if not base:
        raise InputError("the graph has no outputs to compare")
    gains = []
    for layer in layers:
        values = evaluate((layer,))
        gains.append(LayerGain(layer, {name: values[name] - base[name] for name in base}))
    return base, sorted(gains, key=lambda gain: -gain.mean)
