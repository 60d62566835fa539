"""What a policy is shown, and what SET promises; what all policies promise is in test_policy_contract.py."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats

import sparsemlp as sm
from sparsemlp.policies.base import LayerView, Policy, Progress
from sparsemlp.weights.change import apply_change
from sparsemlp.weights.sparse import SparseWeights


def layer(n_in, n_out, density, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    taken = rng.random((n_in, n_out)) < density
    indptr = np.concatenate([[0], np.cumsum(taken.sum(1))])
    data = rng.standard_normal(indptr[-1]).astype(dtype)
    data[rng.random(data.size) < 0.1] = 0
    weights = SparseWeights((n_in, n_out), indptr, np.nonzero(taken)[1], data)
    weights.allocate_state(2)
    weights.state[:] = rng.standard_normal(weights.state.shape)
    return SimpleNamespace(weights=weights, initializer=sm.He())


def flat(weights):
    return np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr)) * weights.shape[1] + weights.indices


def test_a_view_cannot_be_written_to():
    view = LayerView.of(layer(5, 4, 0.5), 0, gradient=np.ones(3), accumulated_gradient=np.ones(3))
    for array in (view.indptr, view.indices, view.data, view.gradient, view.accumulated_gradient):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_view_draws_by_the_layers_initializer():
    small = layer(5, 4, 0.5)
    small.initializer = sm.Normal(3.0)
    view = LayerView.of(small, 0)
    values = view.sample(20_000, np.random.default_rng(0))
    assert values.dtype == np.float32 and abs(values.std() - 3) < 0.05
    small.initializer = None
    with pytest.raises(TypeError, match="Layer 0 must have an initializer"):
        LayerView.of(small, 0).sample(1, np.random.default_rng(0))


def test_needs_are_checked_when_a_policy_is_defined():
    with pytest.raises(TypeError, match="Mistyped.needs must be a frozenset of"):

        class Mistyped(Policy):
            needs = frozenset({"gradients"})


# ---- SET ----
def evolve(small, policy, seed=0, epoch=0, n_epochs=10):
    change, _ = policy.between_epochs(LayerView.of(small, 0), None, Progress(epoch, n_epochs, 0, 1), np.random.default_rng(seed))
    return change


def one_row(values):
    values = np.array(values, np.float32)
    weights = SparseWeights((1, 100), [0, values.size], np.arange(values.size), values)
    return SimpleNamespace(weights=weights, initializer=sm.He())


def test_set_ranks_each_sign_apart():
    small = one_row([5, -1, 0.1, -0.2, 0, 3, 0.2, -9, 0.1, 0, -0.2])
    # 7 positive: floor(0.5 * 7) = 3, the two 0 and the first 0.1; 4 negative: 2, the two -0.2
    assert evolve(small, sm.SET(zeta=0.5)).drop.tolist() == [2, 3, 4, 9, 10]
    # 30 % of 7 and of 4: the two 0, and the first of equals
    assert evolve(small, sm.SET(zeta=0.3)).drop.tolist() == [3, 4, 9]


def test_set_takes_connections_away_from_constant_inputs():
    """A new connection on an input that is always 0 stays 0: it must be the first to go, or all of them end there."""
    X, y, *_ = sm.datasets.load("digits")
    X[:, :32] = 0
    net = sm.MLP([64, 100, 10], topology=sm.ErdosRenyi(density=0.2), seed=0)
    sm.Trainer(net, sm.SGD(0.03, momentum=0.9), policy=sm.SET(zeta=0.3)).fit(X, y, 5, 32, progress=False)
    per_input = np.diff(net.layers[0].weights.indptr)
    assert per_input[:32].sum() < 0.45 * per_input.sum()


def test_set_by_magnitude_ranks_all():
    small = one_row([5, -1, 0.1, -0.2, 0, 3, 0.2, -9, 0.1, 0, -0.2])
    assert evolve(small, sm.SET(zeta=0.5, by="magnitude")).drop.tolist() == [2, 3, 4, 8, 9]


def test_set_leaves_full_layers_and_small_fractions_alone():
    assert evolve(layer(5, 4, 1.0), sm.SET()) is None
    assert evolve(one_row([1, -1]), sm.SET(zeta=0.4)) is None


def test_set_starts_new_connections_as_told():
    wide = layer(60, 50, 0.4)
    assert evolve(wide, sm.SET()).values is None
    values = evolve(wide, sm.SET(zeta=0.9, new="initializer")).values
    std = sm.He().std(60, 50, wide.weights.n_connections)
    assert abs(values.std() / std - 1) < 0.1 and values.dtype == np.float32
    change = evolve(wide, sm.SET(zeta=0.3, new="threshold"))
    largest = np.abs(wide.weights.data[change.drop]).max()
    assert abs(change.values.std() / (largest / 2) - 1) < 0.15 and abs(change.values.mean()) < largest / 10
    assert change.values.dtype == np.float32 and change.drop.tolist() == evolve(wide, sm.SET(zeta=0.3)).drop.tolist()
    small = one_row([0, 3, 0, -4, 0, 2])
    assert evolve(small, sm.SET(zeta=0.5, by="magnitude", new="threshold")).values.tolist() == [0, 0, 0]  # only zeros were dropped


def test_set_follows_its_schedule():
    wide = layer(60, 50, 0.4)
    signs = [np.sum(wide.weights.data >= 0), np.sum(wide.weights.data < 0)]
    schedule = sm.LinearDecrease(0.3, 0.01)
    for epoch in (0, 4, 9):
        zeta = schedule(epoch, 10)
        assert evolve(wide, sm.SET(zeta=schedule), epoch=epoch).drop.size == sum(int(zeta * n) for n in signs)


@pytest.mark.parametrize("zeta", [-0.1, 1.0, 30, float("nan"), sm.ExponentialDecay(1.5, interest=0.1)])
def test_set_checks_zeta_at_construction(zeta):
    with pytest.raises(ValueError, match=r"SET.zeta must be in \[0, 1"):
        sm.SET(zeta=zeta)


def test_set_checks_the_rest_of_its_settings():
    with pytest.raises(TypeError, match="SET.zeta must be a real number"):
        sm.SET(zeta="0.3")
    with pytest.raises(ValueError, match="SET.by must be one of 'sign', 'magnitude'; got 'abs'"):
        sm.SET(by="abs")
    with pytest.raises(ValueError, match="SET.new must be one of 'zero', 'threshold', 'initializer'"):
        sm.SET(new="random")


def test_set_checks_what_a_schedule_returns():
    with pytest.raises(ValueError, match=r"SET.zeta at epoch 3 must be in \[0, 1\); got 1.5"):
        evolve(layer(5, 4, 0.5), sm.SET(zeta=lambda epoch, n_epochs: epoch / 2), epoch=3)


def test_set_grows_uniformly_over_all_empty_positions_those_just_dropped_included():
    small = layer(6, 7, 0.4, seed=4)
    weights, n, counts = small.weights, 4000, np.zeros(42)
    for seed in range(n):
        change = evolve(small, sm.SET(zeta=0.5), seed)
        counts[change.grow] += 1
    m = change.grow.size
    empty = np.setdiff1d(np.arange(42), np.delete(flat(weights), change.drop))
    assert np.isin(flat(weights)[change.drop], empty).all() and counts.sum() == counts[empty].sum() == n * m
    p = m / empty.size
    # without replacement within a draw, so the squares are smaller than those of a multinomial by 1 - p, and (E - 1) / E
    statistic = np.sum((counts[empty] - n * p) ** 2) / (n * p * (1 - p)) * (empty.size - 1) / empty.size
    assert 0.005 < scipy.stats.chi2.sf(statistic, empty.size - 1) < 0.995


def test_the_second_evolution_compiles_nothing():
    from sparsemlp.kernels import rewrite as rewriting
    from sparsemlp.kernels import select

    kernels = [rewriting.find_fault, rewriting.rewrite, select.count_signs, select.smallest, select.distinct, select.nth_empty]
    for seed in range(3):
        other = layer(20 + seed, 30, 0.3, seed=seed)
        apply_change(other.weights, evolve(other, sm.SET(), seed))
        apply_change(other.weights, evolve(other, sm.SET(by="magnitude", new="initializer"), seed))
        if seed == 0:
            compiled = [len(k.signatures) for k in kernels]
        assert [len(k.signatures) for k in kernels] == compiled
