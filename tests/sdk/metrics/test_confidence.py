import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.metrics.confidence import ConfidenceSamples, confidence_curves


def curves(confidence, correct, **options):
    return confidence_curves(ConfidenceSamples(np.array(confidence, np.float32), np.array(correct, bool)), **options)


def test_reliability_by_hand():
    got = curves([0.1, 0.1, 0.9, 0.9], [0, 1, 1, 1], bins=2)
    assert got.confidence == pytest.approx((0.1, 0.9))
    assert got.accuracy == (0.5, 1)
    assert got.samples == (2, 2)
    assert got.ece == pytest.approx((0.4 * 2 + 0.1 * 2) / 4)


def test_risk_by_hand():
    got = curves([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 0], points=4)
    assert got.coverage == (0.25, 0.5, 0.75, 1)
    assert got.risk == pytest.approx((0, 0, 1 / 3, 0.5))
    assert got.aurc == pytest.approx((0 + 0 + 1 / 3 + 0.5) / 4)


def test_empty_bins_and_ends():
    got = curves([0, 1], [0, 1], bins=4)
    assert got.confidence == (0, None, None, 1)
    assert got.samples == (1, 0, 0, 1)
    assert curves([], []) is None


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_constant_confidence_says_nothing(correct):
    got = curves([0.3] * len(correct), correct)
    wrong = 1 - np.mean(correct)
    assert got.aurc == pytest.approx(wrong)
    assert got.risk[0] == pytest.approx(wrong)
    assert got.ece == pytest.approx(abs(np.mean(correct) - 0.3), abs=1e-6)


@given(st.integers(0, 1000))
def test_order_of_samples_does_not_matter_and_good_confidence_ranks(seed):
    rng = np.random.default_rng(seed)
    confidence = np.round(rng.random(60), 1)
    correct = rng.random(60) < confidence
    order = rng.permutation(60)
    got, shuffled = curves(confidence, correct), curves(confidence[order], correct[order])
    assert got.risk == pytest.approx(shuffled.risk)
    assert got.ece == pytest.approx(shuffled.ece)
    best, worst = curves(correct, correct), curves(~correct, correct)
    assert best.aurc <= got.aurc + 1e-9 <= worst.aurc + 2e-9


def test_calibrated_confidence_has_a_small_error():
    rng = np.random.default_rng(0)
    confidence = rng.random(20_000)
    assert curves(confidence, rng.random(20_000) < confidence).ece < 0.02
    assert curves(confidence**3, rng.random(20_000) < confidence).ece > 0.1
