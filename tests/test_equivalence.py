"""A sparse net is the masked dense net, and at density 1 the dense one: whole runs in float64, float32 step by step.

Both nets add the same numbers, in another order (BLAS against a loop over connections). In float64 that is a difference of about
1e-16 per sum, which a few dozen steps carry to less than 1e-12; 1e-10 leaves room for any BLAS. In float32 a run would amplify its
roundings, so there each step starts from equal states.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose

import sparsemlp as sm
from sparsemlp.weights.change import Change

SIZES = [12, 20, 16, 5]
OPTIMIZERS = [sm.SGD(lr=0.05, momentum=0.9), sm.Adam(lr=0.01)]
EPOCHS = 4


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny nets: several threads would only wait for each other. The bits are the same (test_determinism.py)."""
    sm.set_num_threads(1)
    yield
    sm.set_num_threads(None)


def data(n=43, seed=0):
    """43 samples: the last batch of 8 is partial."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, SIZES[0])), rng.integers(0, SIZES[-1], n)


def make(topology, dtype="float64"):
    net = sm.MLP(SIZES, topology=topology, dropout=0.2, input_dropout=0.1, dtype=dtype, seed=4)
    for layer in net.layers:
        layer.bias[:] = 0.1
    return net


def masked_dense(sparse):
    """A dense net with the values of a sparse one, zero elsewhere."""
    net = make(sm.Dense(), sparse.dtype.name)
    for a, b in zip(net.layers, sparse.layers, strict=True):
        a.weights.matrix[:] = b.weights.csr.toarray()
        a.bias[:] = b.bias
    return net


def masks(net):
    """Where each layer has connections, bool[n_in, n_out], explicit zeros too."""
    found = []
    for layer in net.layers:
        w, mask = layer.weights, np.zeros(layer.weights.shape, bool)
        mask[np.repeat(np.arange(w.shape[0]), np.diff(w.indptr)), w.indices] = True
        found.append(mask)
    return found


def assert_same_nets(a, b, atol):
    for k, (p, q) in enumerate(zip(a.layers, b.layers, strict=True)):
        assert_allclose(p.weights.csr.toarray(), q.weights.csr.toarray(), rtol=0, atol=atol, err_msg=f"weights of layer {k}")
        assert_allclose(p.bias, q.bias, rtol=0, atol=atol, err_msg=f"biases of layer {k}")


@dataclass(frozen=True)
class Masked(sm.Policy):
    """After each step of a dense net, connections that do not exist become 0 again."""

    masks: object = None

    def on_step(self, view, state, progress, rng):
        return Change(zero=np.flatnonzero(~self.masks[view.index])), state


def assert_same_runs(a, b):
    for name in ("loss", "val_loss"):
        assert_allclose(a[name], b[name], rtol=1e-10)
    for name in ("accuracy", "val_accuracy", "lr", "steps"):
        assert a[name] == b[name]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_density_1_equals_dense(optimizer):
    X, y = data()
    nets = [make(topology) for topology in (sm.Uniform(1.0), sm.Dense())]
    assert_same_nets(*nets, atol=0)  # one seed, one net
    runs = [sm.Trainer(net, optimizer, lr_scale=None).fit(X, y, EPOCHS, batch_size=8, validation_data=data(8, seed=1)) for net in nets]
    assert_same_runs(*runs)
    assert_same_nets(*nets, atol=1e-10)
    assert_allclose(*(net.predict_proba(X[:8]) for net in nets), rtol=0, atol=1e-10)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_sparse_equals_masked_dense(optimizer):
    X, y = data()
    sparse = make(sm.ErdosRenyi(density=0.3))
    dense = masked_dense(sparse)
    policies = sm.Static(), Masked(masks(sparse))
    runs = [
        sm.Trainer(net, optimizer, policy=policy, lr_scale=None).fit(X, y, EPOCHS, batch_size=8, validation_data=data(8, seed=1))
        for net, policy in zip((sparse, dense), policies, strict=True)
    ]
    assert_same_runs(*runs)
    assert_same_nets(sparse, dense, atol=1e-10)
    for a, b in zip(sparse.layers, dense.layers, strict=True):  # no step has touched an empty position
        assert (b.weights.matrix[a.weights.csr.toarray() == 0] == 0).all()


@dataclass(frozen=True)
class RecordedSET(sm.SET):
    """SET that writes down what it changed, by epoch and layer."""

    changes: object = None

    def between_epochs(self, view, state, progress, rng):
        change, state = super().between_epochs(view, state, progress, rng)
        self.changes[progress.epoch + 1, view.index] = change
        return change, state


class Repeat(sm.Callback):
    """Makes the recorded changes in a masked dense net: in the mask, the values and the optimizer's state."""

    def __init__(self, masks, changes):
        self.masks, self.changes = masks, changes

    def on_epoch_begin(self, trainer, epoch):
        for k, (layer, mask) in enumerate(zip(trainer.network.layers, self.masks, strict=True)):
            change = self.changes.get((epoch, k))
            if change is None:
                continue
            mask.reshape(-1)[np.flatnonzero(mask)[change.drop]] = False
            mask.reshape(-1)[change.grow] = True
            layer.weights.data[~mask.reshape(-1)] = 0
            layer.weights.data[change.grow] = 0 if change.values is None else change.values
            layer.weights.state[:, change.grow] = 0


@pytest.mark.parametrize("new", ["zero", "threshold", "initializer"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_evolving_net_equals_masked_dense(optimizer, new):
    X, y = data()
    changes = {}
    sparse = make(sm.ErdosRenyi(density=0.3))
    dense, now = masked_dense(sparse), masks(sparse)
    validation = data(8, seed=1)
    policy = RecordedSET(zeta=0.3, new=new, changes=changes)
    first = sm.Trainer(sparse, optimizer, policy=policy, debug=True, lr_scale=None).fit(
        X, y, EPOCHS, batch_size=8, validation_data=validation
    )
    assert len(changes) == (EPOCHS - 1) * 3 and all(c.drop.size == c.grow.size > 0 for c in changes.values())
    trainer = sm.Trainer(dense, optimizer, policy=Masked(now), callbacks=[Repeat(now, changes)], lr_scale=None)
    assert_same_runs(first, trainer.fit(X, y, EPOCHS, batch_size=8, validation_data=validation))
    for a, b in zip(now, masks(sparse), strict=True):
        assert (a == b).all()
    assert_same_nets(sparse, dense, atol=1e-10)


@dataclass(frozen=True)
class Thin(sm.Policy):
    """Drops the smallest connection after every third step, and writes down where it was."""

    dropped: object = None

    def on_step(self, view, state, progress, rng):
        if progress.step % 3:
            return None, state
        k = int(np.abs(view.data).argmin())
        row = int(np.searchsorted(view.indptr, k, side="right")) - 1
        self.dropped[progress.step, view.index] = row * view.shape[1] + int(view.indices[k])
        return Change(drop=[k]), state


@dataclass(frozen=True)
class RepeatThin(Masked):
    """The same in a masked dense net."""

    dropped: object = None

    def on_step(self, view, state, progress, rng):
        where = self.dropped.get((progress.step, view.index))
        if where is not None:
            self.masks[view.index].flat[where] = False
        return super().on_step(view, state, progress, rng)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_net_that_shrinks_within_an_epoch_equals_masked_dense(optimizer):
    """State stays aligned while arrays are replaced, also between a full batch and a partial one."""
    X, y = data()
    sparse, dropped = make(sm.ErdosRenyi(density=0.3)), {}
    dense, now = masked_dense(sparse), masks(sparse)
    n = sparse.n_connections
    first = sm.Trainer(sparse, optimizer, policy=Thin(dropped), debug=True, lr_scale=None).fit(
        X, y, EPOCHS, 8, validation_data=data(8, seed=1)
    )
    second = sm.Trainer(dense, optimizer, policy=RepeatThin(now, dropped), lr_scale=None).fit(
        X, y, EPOCHS, 8, validation_data=data(8, seed=1)
    )
    assert_same_runs(first, second)
    assert sparse.n_connections == n - len(dropped) == n - 8 * 3 and [sum(c) for c in first["connections"]][-1] == sparse.n_connections
    assert_same_nets(sparse, dense, atol=1e-10)


@pytest.mark.parametrize("optimizer", [sm.SGD(lr=0.05, momentum=0.9), sm.Adam(lr=0.01, eps=1e-3)], ids=str)
@pytest.mark.parametrize("density", [0.3, 1.0])
def test_float32_steps_from_equal_states(density, optimizer):
    """The dense net is set to the sparse one's state before each step; a step then differs by the rounding of its sums alone.

    A sum's rounding is a few eps of its largest terms, and SGD carries that of the gradient times lr. Adam divides it by at least
    its own eps: with the default 1e-8 the step of a gradient that is all rounding would be anything up to lr.
    """
    X, y = data()
    sparse = make(sm.Uniform(density), "float32")
    dense, at = masked_dense(sparse), [np.flatnonzero(mask) for mask in masks(sparse)]
    for layer in sparse.layers + dense.layers:
        layer.allocate_state(optimizer.n_state)
    a, b = sm.Trainer(sparse, optimizer, lr_scale=None), sm.Trainer(dense, optimizer, lr_scale=None)
    eps = np.finfo(np.float32).eps
    for t in range(25):
        rows = np.random.default_rng(t).permutation(len(X))[:8]
        for p, q, k in zip(sparse.layers, dense.layers, at, strict=True):
            q.weights.matrix[:] = p.weights.csr.toarray()
            q.weights.state[:] = 0
            q.weights.state[:, k] = p.weights.state
            q.bias[:], q.bias_state[:] = p.bias, p.bias_state
        _, gradients = a.gradients(X[rows], y[rows])
        assert_allclose(a.train_step(X[rows], y[rows]), b.train_step(X[rows], y[rows]), rtol=10 * eps)
        for p, q, k, (dw, db) in zip(sparse.layers, dense.layers, at, gradients, strict=True):
            for own, state, other, other_state, g in (
                (p.weights.data, p.weights.state, q.weights.data[k], q.weights.state[:, k], dw),
                (p.bias, p.bias_state, q.bias, q.bias_state, db),
            ):
                rounding = 50 * eps * np.abs(g).max()
                assert_allclose(state, other_state, rtol=10 * eps, atol=rounding)
                step = optimizer.lr * rounding / getattr(optimizer, "eps", 1)
                assert_allclose(own, other, rtol=0, atol=4 * eps * np.abs(own).max() + step)
