"""How wide the tiles of a plan are, and that the choice does not move with the threads."""

import pytest

import sparsemlp as sm
from sparsemlp.kernels.simd import REGISTER_BYTES
from sparsemlp.plan import choose_lanes, widest_tile

WIDE = 128 if REGISTER_BYTES >= 64 else 64


@pytest.mark.parametrize(
    "n_batch, widest, lanes",
    [
        (1, 64, 8),
        (9, 64, 16),
        (33, 64, 64),
        (64, 64, 64),
        (65, 64, 64),
        (512, 64, 64),
        (65, 128, 128),
        (128, 128, 128),
        (300, 128, 64),
        (256, 128, 128),
    ],
)
def test_lanes(n_batch, widest, lanes):
    assert choose_lanes(n_batch, widest) == lanes


@pytest.mark.parametrize(
    "width, topology, itemsize, widest",
    [
        (400, sm.Uniform(0.05), 4, 64),
        (400, sm.Uniform(0.2), 4, WIDE),
        (1100, sm.Uniform(0.2), 4, 64),
        (1100, sm.Uniform(0.4), 4, WIDE),
        (600, sm.Uniform(0.2), 8, 64),
        (100, sm.Dense(), 4, 128),
    ],
)
def test_widest_tile(width, topology, itemsize, widest):
    layers = sm.MLP([20, width, width, 10], topology=topology, seed=0).layers
    assert widest_tile(layers, itemsize) == widest
