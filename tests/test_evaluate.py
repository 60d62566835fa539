"""`evaluate` and `score` with sample weights: the same as repeating samples."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import sparsemlp as sm

CASES = [
    ("softmax", 3, "classes"),
    ("sigmoid", 1, "labels"),
    ("sigmoid", 4, "numbers"),
    ("identity", 2, "values"),
    ("identity", 1, "values"),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("output", "n_out", "kind"), CASES)
def test_weights_are_repetitions(output, n_out, kind, dtype):
    rng = np.random.default_rng(1)
    n = 1100  # more than two batches of predictions
    net = sm.MLP([5, 20, n_out], density=0.6, output=output, dtype=dtype, seed=3)
    X = rng.standard_normal((n, 5))
    y = {
        "classes": rng.integers(0, 3, n),
        "labels": np.array(["no", "yes"])[rng.integers(0, 2, n)],
        "numbers": rng.integers(0, 2, (n, 4)).astype(float),
        "values": rng.standard_normal((n, n_out)),
    }[kind]
    if kind == "labels":
        net.classes = ["no", "yes"]
    times = rng.integers(0, 4, n)
    Xr, yr = np.repeat(X, times, axis=0), np.repeat(y, times, axis=0)
    close = {"rtol": 1e-6 if dtype == "float32" else 1e-12}
    got, want = net.evaluate(X, y, sample_weight=times), net.evaluate(Xr, yr)
    assert got.keys() == want.keys()
    for name in got:
        assert_allclose(got[name], want[name], **close)
    assert_allclose(net.score(X, y, times), net.score(Xr, yr), **close)
    assert_allclose(net.score(X, y, times * 0.37), net.score(Xr, yr), **close)
    if output != "identity":
        predicted = net.predict(X)
        right = (predicted == y) if np.ndim(y) == 1 else (predicted == y).mean(axis=1)
        assert_allclose(net.score(X, y, times), np.average(right, weights=times), **close)
        assert_allclose(net.score(X, y), right.mean(), **close)
    assert net.score(X, y) != net.score(X, y, times)


def test_wrong_weights():
    net = sm.MLP([2, 2])
    X, y = np.zeros((3, 2)), [0, 1, 0]
    for bad in ([1, 2], [1, -1, 1], [0, 0, 0], [1, np.nan, 1]):
        with pytest.raises(ValueError, match="sample_weight"):
            net.score(X, y, bad)
