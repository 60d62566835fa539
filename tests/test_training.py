"""The training loop: against a loop in NumPy, at its edges, and its errors."""

import _thread
import threading

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import sparsemlp as sm
from sparsemlp.weights.dense import DenseWeights
from sparsemlp.weights.sparse import SparseWeights

SIZES = [6, 10, 8, 4]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny nets: several threads would only wait for each other. The bits are the same (test_determinism.py)."""
    sm.set_num_threads(1)
    yield
    sm.set_num_threads(None)


def data(n=8, n_in=6, n_classes=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, n_in)), rng.integers(0, n_classes, n)


def make(sizes=SIZES, topology=None, **settings):
    return sm.MLP(sizes, topology=topology or sm.Uniform(0.5), **({"seed": 2} | settings))


def values(net):
    return [a.copy() for layer in net.layers for a in (layer.weights.data, layer.bias)]


def assert_unchanged(net, before):
    for a, b in zip(values(net), before, strict=True):
        assert_array_equal(a, b)


# ---- against NumPy
def numpy_fit(net, X, y, weights, epochs, batch_size, lr, momentum):
    """(matrices, biases, losses of the epochs) after training a ReLU net without dropout in the order of the samples."""
    W = [layer.weights.csr.toarray() for layer in net.layers]
    b = [layer.bias.copy() for layer in net.layers]
    masks = [w != 0 for w in W]
    mW, mb = [np.zeros_like(w) for w in W], [np.zeros_like(v) for v in b]
    losses = []
    for _ in range(epochs):
        total = 0.0
        for start in range(0, len(X), batch_size):
            rows = slice(start, min(start + batch_size, len(X)))
            share = weights[rows] / weights[rows].sum()
            a = [X[rows]]
            for k in range(len(W)):
                z = a[k] @ W[k] + b[k]
                a.append(np.maximum(z, 0) if k < len(W) - 1 else z)
            p = np.exp(a[-1] - a[-1].max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            n = len(p)
            total += weights[rows].sum() * (-np.log(p[np.arange(n), y[rows]]) * share).sum()
            d = (p - np.eye(p.shape[1])[y[rows]]) * share[:, None]
            for k in range(len(W) - 1, -1, -1):
                gW, gb = (a[k].T @ d) * masks[k], d.sum(axis=0)
                d = (d @ W[k].T) * (a[k] > 0)
                mW[k], mb[k] = momentum * mW[k] + gW, momentum * mb[k] + gb
                W[k] = W[k] - lr * mW[k]
                b[k] = b[k] - lr * mb[k]
        losses.append(total / weights.sum())
    return W, b, losses


@pytest.mark.parametrize("topology", [sm.Uniform(0.5), sm.Dense()], ids=["sparse", "dense"])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("weighted", [False, True])
def test_run_equals_one_in_numpy(batch_size, topology, weighted):
    X, y = data(7)
    weights = np.array([1, 2, 0.5, 3, 1, 0.1, 1]) if weighted else np.ones(7)
    net = make(topology=topology, dtype="float64")
    want_W, want_b, losses = numpy_fit(net, X, y, weights, 3, batch_size, 0.1, 0.9)
    trainer = sm.Trainer(net, optimizer=sm.SGD(lr=0.1, momentum=0.9), lr_scale=None)
    history = trainer.fit(X, y, 3, batch_size, shuffle=False, sample_weight=weights if weighted else None)
    assert_allclose(history["loss"], losses, rtol=1e-11)
    assert history["steps"] == [-(-7 // batch_size)] * 3 and history["samples"] == [7] * 3
    for layer, W, b in zip(net.layers, want_W, want_b, strict=True):
        assert_allclose(layer.weights.csr.toarray(), W, rtol=0, atol=1e-12)
        assert_allclose(layer.bias, b, rtol=0, atol=1e-12)


def test_every_sample_is_seen_once_an_epoch_in_a_new_order():
    """The bias gradient of a linear unit on a one-hot input says which sample a step of one saw."""
    seen = []

    class See(sm.Policy):
        def on_step(self, view, state, progress, rng):
            seen.append(int(np.flatnonzero(view.data != see.last)[0]))
            see.last = view.data.copy()
            return None, state

    see = See()
    net = make([5, 1], sm.Uniform(1.0), output="identity", dtype="float64")
    see.last = net.layers[0].weights.data.copy()
    trainer = sm.Trainer(net, optimizer=sm.SGD(lr=0.01), policy=see)
    for _ in range(2):  # a second run has orders of its own
        trainer.fit(np.eye(5), np.full(5, 100.0), 2, batch_size=1)
    orders = [tuple(seen[k : k + 5]) for k in range(0, 20, 5)]
    assert all(sorted(order) == list(range(5)) for order in orders)
    assert len(set(orders)) == 4


def test_a_net_learns():
    X, y, X_test, y_test = sm.datasets.load("digits")
    for topology in (sm.ErdosRenyi(density=0.2), sm.Dense(), [sm.ErdosRenyi(epsilon=5), sm.Dense()]):
        net = make([64, 100, 10], topology)
        trainer = sm.Trainer(net, optimizer=sm.Adam(lr=0.01), policy=sm.SET(zeta=0.1))
        history = trainer.fit(X / np.float32(16), y, 12, 64, validation_data=(X_test / np.float32(16), y_test))
        assert history["loss"][-1] < 0.2 and history["val_accuracy"][-1] > 0.9
        assert net.score(X_test / np.float32(16), y_test) == history["val_accuracy"][-1]


# ---- sample_weight
@pytest.mark.parametrize("output", ["softmax", "sigmoid", "identity"])
def test_weight_2_is_a_sample_twice(output):
    X, y = data(4)
    y = y if output == "softmax" else np.random.default_rng(0).random((4, 4))
    nets = [make(output=output, dtype="float64") for _ in range(2)]
    twice = np.r_[0, 1, 1, 2, 3]
    first = sm.Trainer(nets[0]).fit(X, y, 3, 8, shuffle=False, sample_weight=[1, 2, 1, 1])
    second = sm.Trainer(nets[1]).fit(X[twice], y[twice], 3, 8, shuffle=False)
    assert_allclose(first["loss"], second["loss"], rtol=1e-12)
    for a, b in zip(values(nets[0]), values(nets[1]), strict=True):
        assert_allclose(a, b, rtol=0, atol=1e-13)


def test_weight_0_is_no_sample():
    X, y = data(6)
    nets = [make(dtype="float64") for _ in range(2)]
    sm.Trainer(nets[0]).fit(X, y, 3, 8, shuffle=False, sample_weight=[1, 0, 1, 0, 0, 1])
    sm.Trainer(nets[1]).fit(X[[0, 2, 5]], y[[0, 2, 5]], 3, 8, shuffle=False)
    for a, b in zip(values(nets[0]), values(nets[1]), strict=True):
        assert_allclose(a, b, rtol=0, atol=1e-14)


class Keep(sm.Policy):
    """Keeps the parameters after each step; asked once a layer."""

    def __init__(self, net):
        self.net, self.steps = net, []

    def on_step(self, view, state, progress, rng):
        if view.index == 0:
            self.steps.append(values(self.net))
        return None, state


def test_a_batch_without_weight_changes_nothing_under_sgd():
    X, y = data(4)
    net = make()
    policy = Keep(net)
    history = sm.Trainer(net, optimizer=sm.SGD(lr=0.1), policy=policy).fit(X, y, 1, 2, shuffle=False, sample_weight=[1, 1, 0, 0])
    assert len(policy.steps) == 2 and np.isfinite(history["loss"][0])
    assert_unchanged(net, policy.steps[0])


def test_weights_of_a_step_are_forgotten():
    """A batch without weights after one with them, in the same buffers."""
    X, y = data()
    for then in (
        lambda trainer: trainer.train_step(X, y),
        lambda trainer: trainer.gradients(X, y)[0],
        lambda trainer: trainer.fit(X, y, 1, 8)["loss"],
    ):
        first, second = (sm.Trainer(make(), optimizer=sm.SGD(lr=0.1)) for _ in range(2))
        for trainer in (first, second):
            trainer.train_step(X, y, np.arange(8.0))
        second.stepper.forget()
        assert then(first) == then(second)
        assert_unchanged(first.network, values(second.network))


def test_weights_of_evaluate():
    X, y = data()
    net = make()
    w = np.arange(8.0)
    each = [net.evaluate(X[i : i + 1], y[i : i + 1])["loss"] for i in range(8)]
    assert_allclose(net.evaluate(X, y, w)["loss"], np.average(each, weights=w), rtol=1e-6)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1, 1], r"sample_weight must have shape \(8,\), one weight a sample; got \(2,\)"),
        (np.ones((8, 1)), r"sample_weight must have shape \(8,\).*got \(8, 1\)"),
        ([1, 1, 1, -1, 1, 1, 1, 1], "sample_weight must be finite, not negative"),
        ([1, 1, 1, np.nan, 1, 1, 1, 1], "sample_weight must be finite, not negative"),
        (np.zeros(8), "sample_weight must be .* positive for some sample"),
    ],
)
def test_wrong_weights(weights, words):
    X, y = data()
    net = make()
    trainer, before = sm.Trainer(net), values(net)
    for call in (
        lambda: trainer.fit(X, y, 1, 8, sample_weight=weights),
        lambda: trainer.train_step(X, y, weights),
        lambda: trainer.gradients(X, y, weights),
        lambda: net.evaluate(X, y, weights),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    assert_unchanged(net, before)


# ---- shapes at the edge
@pytest.mark.parametrize("topology", [sm.Uniform(1.0), sm.Dense()], ids=["sparse", "dense"])
@pytest.mark.parametrize("sizes", [[1, 2], [1, 1, 2], [3, 1, 1, 1, 2], [1, 7, 2], [2, 17, 1, 5], [9, 2]], ids=str)
def test_widths_from_1(sizes, topology):
    net = make(sizes, topology, activation="tanh")
    X, y = data(5, sizes[0], sizes[-1])
    history = sm.Trainer(net, optimizer=sm.Adam(lr=0.01), policy=sm.SET(), debug=True).fit(X, y, 3, batch_size=3)
    assert np.isfinite(history["loss"]).all()
    assert net.predict(X).shape == (5,) and net.predict_proba(X).shape == (5, sizes[-1])
    net.check()


def test_empty_rows_and_columns():
    """Inputs that nobody reads, units without inputs or outputs, runs of them at both ends; SET may fill them."""
    masks = [np.zeros((9, 8)), np.zeros((8, 7)), np.zeros((7, 3))]
    masks[0][3:5, 2:4] = masks[1][2, 5] = masks[1][3, :2] = masks[2][5, 1] = 1
    X, y = data(11, 9, 3)
    for policy in (sm.Static(), sm.SET(zeta=0.5)):
        net = make([9, 8, 7, 3], [sm.Given(m) for m in masks], dtype="float64")
        dense = make([9, 8, 7, 3], sm.Dense(), dtype="float64")
        for a, b in zip(net.layers, dense.layers, strict=True):
            b.weights.matrix[:] = a.weights.csr.toarray()
        assert_allclose(net.predict_proba(X[:8]), dense.predict_proba(X[:8]), rtol=1e-14)
        trainer = sm.Trainer(net, policy=policy, debug=True)
        trainer.fit(X, y, 4, 4)
        assert net.n_connections == 4 + 3 + 1
        net.check()


def test_layers_without_any_connection():
    """A policy may come to that; then biases alone learn."""
    empty = SparseWeights((6, 3), np.zeros(7, int), np.zeros(0, int), np.zeros(0, np.float32))
    net = sm.Network([sm.Linear(empty, np.zeros(3, np.float32), "identity")])
    X, y = data(8, 6, 3)
    sm.Trainer(net, optimizer=sm.SGD(lr=1.0)).fit(X, y, 60, 8)
    assert_allclose(net.predict_proba(X)[0], np.bincount(y, minlength=3) / 8, atol=1e-2)


def test_inputs_of_one_feature_and_rows_of_one_sample():
    net = make([1, 3, 2], sm.Uniform(1.0))
    trainer = sm.Trainer(net)
    for X in (np.ones((1, 1)), np.ones((1, 1), np.uint8), sp.csr_array([[1.0]]), sp.csr_array((1, 1))):
        assert np.isfinite(trainer.train_step(X, [1]))
        assert net.predict(X).shape == (1,)


def test_batch_larger_than_the_data_and_predictions_of_many():
    X, y = data(3)
    net = make()
    history = sm.Trainer(net).fit(X, y, 2, 10_000)
    assert history["steps"] == [1, 1]
    many = np.random.default_rng(0).standard_normal((1037, 6))  # batches of 512 and a rest of 13
    together = net.predict_proba(many)
    assert_allclose(together[:8], net.predict_proba(many[:8]), rtol=1e-6)
    assert_allclose(together[-8:], net.predict_proba(many[-8:]), rtol=1e-6)
    assert_allclose(together[508:516], net.predict_proba(many[508:516]), rtol=1e-6)


def test_batch_sizes_may_change_between_steps():
    net, again = make(), make()
    trainer, other = sm.Trainer(net), sm.Trainer(again)
    X, y = data()
    for n in (8, 1, 5, 8, 3, 1):
        trainer.train_step(X[:n], y[:n])
    for n in (8, 1, 5, 8, 3, 1):
        other.train_step(X[:n], y[:n])
        other.gradients(X[: 9 - n], y[: 9 - n])
    assert_unchanged(net, values(again))


def test_one_sample_learned_by_heart():
    """At zero loss gradients are 0, not denormal numbers that would slow every product down."""
    net = make(activation="relu")
    trainer = sm.Trainer(net, optimizer=sm.SGD(lr=0.5, momentum=0.5))
    X, y = data(1)
    for _ in range(400):
        loss = trainer.train_step(X, y)
    assert loss < 1e-2
    net.layers[-1].bias[y[0]] += 30
    for _ in range(2):
        loss, gradients = trainer.gradients(X, y)
        arrays = np.concatenate([np.abs(g) for pair in gradients for g in pair])
        assert not ((arrays > 0) & (arrays < np.finfo(np.float32).tiny)).any()
        net.layers[-1].bias[y[0]] += 200
    assert loss == 0 and (arrays == 0).all()


# ---- dropout
@pytest.mark.parametrize("topology", [sm.Given(np.eye(400)), sm.Dense()], ids=["sparse", "dense"])
def test_dropout_drops_its_share_and_scales_the_rest(topology):
    """Layers that copy their inputs, 1: what reaches the last one is 0 or 1 / keep of each layer before it.

    With a batch of one, the last layer's gradients are dW[i, j] = h_i dz_j and db[j] = dz_j: their ratio is h.
    """
    net = make([400, 400, 400, 3], [topology, topology, sm.Uniform(1.0)], activation="identity", dropout=0.3, input_dropout=0.1)
    for layer in net.layers[:2]:
        layer.weights.data[:] = np.eye(400).ravel() if layer.weights.is_dense else 1
    trainer = sm.Trainer(net)
    drawn = []
    for _ in range(20):
        dw, db = trainer.gradients(np.ones((1, 400)), [0])[1][-1]
        drawn.append(dw.reshape(400, 3)[:, 0] / db[0])
        trainer.step += 1  # draws count from it
    drawn = np.array(drawn)
    kept = drawn != 0
    assert_allclose(drawn[kept], 1 / (0.9 * 0.7 * 0.7), rtol=1e-5)
    share = 0.9 * 0.7 * 0.7  # if the three draws are independent
    assert abs(kept.mean() - share) < 4 * np.sqrt(share * (1 - share) / kept.size)
    assert abs(np.corrcoef(kept.reshape(20, 400)).sum() - 20) < 20 * 20 * 4 / np.sqrt(400)  # and from step to step
    assert len({row.tobytes() for row in kept}) == 20


# ---- labels
def test_two_classes_in_many_forms():
    X = np.random.default_rng(0).standard_normal((8, 6))
    truth = (X[:, 0] > 0).astype(int)
    for labels in ([0, 1], [-1, 1], ["no", "yes"], [False, True], [7, 3], np.array([b"a", b"b"]), [2**40, -(2**40)]):
        labels = np.asarray(labels)
        for output, n_out in (("softmax", 2), ("sigmoid", 1)):
            net = make([6, 10, n_out], output=output)
            sm.Trainer(net, optimizer=sm.Adam(lr=0.05)).fit(X, labels[truth], 60, 4)
            assert_array_equal(net.predict(X), labels[truth])
            assert net.score(X, labels[truth]) == 1.0


def test_labels_that_are_no_range():
    X, y = data(8, 6, 4)
    y[:4] = range(4)
    for labels in (np.array([10, -5, 30, 20]), np.array(["d", "a", "c", "b"]), np.array(["d", "a", "c", "b"], object)):
        net = make()
        sm.Trainer(net, optimizer=sm.Adam(lr=0.05)).fit(X, labels[y], 80, 8)
        assert_array_equal(net.classes, np.sort(labels))
        assert_array_equal(net.predict(X), labels[y])
        assert net.evaluate(X, labels[y])["accuracy"] == 1.0


def test_labels_are_kept_from_fit_to_fit():
    X, y = data()
    net = make()
    trainer = sm.Trainer(net)
    names = np.array(["a", "b", "c", "d"])
    y[:4] = range(4)
    trainer.fit(X, names[y], 1, 8)
    trainer.fit(X[:2], names[[3, 1]], 1, 8)  # fewer classes are fine
    assert_array_equal(net.classes, names)
    with pytest.raises(ValueError, match=r"y holds labels the network does not know: 'e'\. It knows 'a', 'b', 'c', 'd'"):
        trainer.fit(X[:2], ["a", "e"], 1, 8)
    with pytest.raises(ValueError, match=r"validation y holds labels the network does not know: 'z'"):
        trainer.fit(X, names[y], 1, 8, validation_data=(X[:1], ["z"]))
    assert_array_equal(net.classes, names)


def test_failed_validation_leaves_a_new_net_without_classes():
    X, y = data()
    net = make()
    with pytest.raises(ValueError, match="validation y holds labels the network does not know: 4"):
        sm.Trainer(net).fit(X, y, 1, 8, validation_data=(X, np.full(8, 4)))
    assert net.classes is None


WRONG_LABELS = [
    ("softmax", np.arange(8), r"y must hold 4 classes, the network's outputs; got 8: 0, 1, 2, 3, 4, 5, \.\.\."),
    ("softmax", np.array(list("abcabcab")), r"y must hold 4 classes.*got 3: 'a', 'b', 'c'\. Change the last layer's width"),
    ("softmax", np.linspace(0, 1, 8), r"y must hold class labels; got fractions or NaN\. For regression"),
    ("softmax", np.full(8, np.nan), r"y must hold class labels; got fractions or NaN"),
    ("softmax", np.eye(8, 5), r"One-hot y must have 4 columns, the network's outputs; got 5"),
    ("softmax", np.ones((8, 4)), r"2-D y must be one-hot: a single 1 in each row"),
    ("softmax", np.eye(8, 4) * 2, r"2-D y must be one-hot"),
    ("softmax", np.zeros(7, int), r"y must have one entry for each of the 8 rows of X; got shape \(7,\)"),
    ("softmax", np.zeros((8, 1, 4)), r"y must have one entry for each of the 8 rows of X; got shape \(8, 1, 4\)"),
    ("softmax", 3, r"y must have one entry for each of the 8 rows of X; got shape \(\)"),
    ("softmax", np.array([1, None, "a", 2, 3, 0, 1, 2], object), r"y must hold labels of one kind"),
    ("sigmoid", np.full((8, 4), 1.5), r"y must be in \[0, 1\] for binary_cross_entropy; got values from 1\.5 to 1\.5"),
    ("sigmoid", np.zeros((8, 3)), r"y must have 4 columns, the network's outputs; got 3"),
    ("sigmoid", np.full((8, 4), np.nan), r"y must be finite; it holds NaN or infinity in row 0"),
    ("sigmoid", np.full((8, 4), "a"), r"y must hold numbers for output='sigmoid'; got dtype <U1"),
    ("identity", np.full((8, 4), np.inf), r"y must be finite"),
    ("identity", np.zeros(8), r"y must have 4 columns, the network's outputs; got 1"),
]


@pytest.mark.parametrize(("output", "y", "words"), WRONG_LABELS, ids=[w[2][:40] for w in WRONG_LABELS])
def test_wrong_targets(output, y, words):
    X, _ = data()
    net = make(output=output)
    trainer, before = sm.Trainer(net), values(net)
    with pytest.raises(ValueError, match=words):
        trainer.fit(X, y, 1, 8)
    assert trainer.step == 0 and net.classes is None
    assert_unchanged(net, before)


def test_numbers_and_names_do_not_mix():
    X, y = data()
    net = make()
    trainer = sm.Trainer(net)
    trainer.fit(X, y, 1, 8)
    with pytest.raises(ValueError, match="labels the network does not know"):
        trainer.fit(X, y.astype(str), 1, 8)
    names = make()
    y[:4] = range(4)
    sm.Trainer(names).fit(X, np.array(list("abcd"))[y], 1, 8)
    with pytest.raises(ValueError, match="labels the network does not know"):
        names.score(X, y)


# ---- wrong inputs, before training starts
GOOD_X, GOOD_Y = data()


def spoiled(value, dtype=float):
    X = GOOD_X.astype(dtype)
    X[5, 2] = value
    return X


WRONG_X = [
    (spoiled(np.nan), ValueError, r"X must be finite; it holds NaN or infinity in row 5\. Impute or drop"),
    (spoiled(np.inf, np.float32), ValueError, r"X must be finite; it holds NaN or infinity in row 5"),
    (sp.csr_array(spoiled(-np.inf)), ValueError, r"X must be finite; it holds NaN or infinity in its values"),
    (GOOD_X[:, :5], ValueError, r"X must have 6 features, the network's inputs; got shape \(8, 5\)\."),
    (GOOD_X[:6].T[:, :5], ValueError, r"X must have 6 features.*got shape \(6, 5\)\. Pass X\.T for features-first data"),
    (GOOD_X[0], ValueError, r"X must be 2-D \(samples, features\); got shape \(6,\)\. One sample is X\[None, :\]"),
    (GOOD_X.reshape(8, 3, 2), ValueError, r"X must be 2-D .*got shape \(8, 3, 2\)\. X\.reshape\(len\(X\), -1\) makes rows of images"),
    (GOOD_X[:0], ValueError, r"X must have at least one row; got shape \(0, 6\)"),
    (np.float64(3), ValueError, r"X must be 2-D .*got shape \(\)"),
    (GOOD_X.astype(str), TypeError, r"X must hold real numbers; got dtype <U\d+\. Encode text"),
    (GOOD_X.astype(str).astype(object), TypeError, r"X must hold real numbers; got dtype object"),
    (GOOD_X.astype(complex), TypeError, r"X must hold real numbers; got dtype complex128"),
    (sp.csr_array(GOOD_X.astype(complex)), TypeError, r"X must hold real numbers; got dtype complex128"),
    (np.zeros((8, 6), "datetime64[s]"), TypeError, r"X must hold real numbers; got dtype datetime64"),
]


@pytest.mark.parametrize(("X", "error", "words"), WRONG_X, ids=[w[2][:50] for w in WRONG_X])
def test_wrong_inputs(X, error, words):
    net = make()
    trainer, before = sm.Trainer(net), values(net)
    y = GOOD_Y[: np.shape(X)[0]] if np.ndim(X) or sp.issparse(X) else GOOD_Y
    with pytest.raises(error, match=words):
        trainer.fit(X, y, 1, 8)
    with pytest.raises(error, match="validation " + words):
        trainer.fit(GOOD_X, GOOD_Y, 1, 8, validation_data=(X, y))
    for call in (lambda: net.predict(X), lambda: net.predict_proba(X), lambda: net.evaluate(X, y), lambda: net.score(X, y)):
        with pytest.raises(error, match=words):
            call()
    if "finite" not in words:
        with pytest.raises(error, match=words):
            trainer.train_step(X, y)
    assert trainer.step == 0 and net.classes is None and len(trainer.history) == 0
    assert_unchanged(net, before)


def broken_csr(what):
    csr = sp.csr_array(GOOD_X)
    if what == "index":
        csr.indices[7] = 10**6
    elif what == "negative":
        csr.indices[7] = -3
    elif what == "falling":
        csr.indptr[3] = 30
    elif what == "short":
        csr.indices = csr.indices[:-5]
    return csr


@pytest.mark.parametrize("what", ["index", "negative", "falling", "short"])
@pytest.mark.parametrize("as_format", ["csr", "csc"])
def test_damaged_sparse_inputs(what, as_format):
    """scipy checks little when a matrix is made, and nothing afterwards; kernels write where the indices say."""
    net = make([8, 10, 8, 4]) if as_format == "csc" else make()
    X, y = broken_csr(what), GOOD_Y
    if as_format == "csc":
        csc, y = sp.csc_array(GOOD_X.T), GOOD_Y[:6]
        csc.data, csc.indices, csc.indptr = X.data, X.indices, X.indptr
        X = csc
    for call in (lambda: sm.Trainer(net).fit(X, y, 1, 8), lambda: sm.Trainer(net).train_step(X, y), lambda: net.predict(X)):
        with pytest.raises(ValueError, match=r"X is a damaged cs[rc] matrix: "):
            call()


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"epochs": 0}, ValueError, r"epochs must be a whole number at least 1; got 0"),
        ({"epochs": -3}, ValueError, r"epochs must be a whole number at least 1; got -3"),
        ({"epochs": 1.5}, TypeError, r"epochs must be a whole number; got 1\.5 \(float\)"),
        ({"epochs": True}, TypeError, r"epochs must be a whole number; got True"),
        ({"batch_size": 0}, ValueError, r"batch_size must be a whole number at least 1; got 0"),
        ({"batch_size": 32.0}, TypeError, r"batch_size must be a whole number; got 32\.0"),
        ({"batch_size": None}, TypeError, r"batch_size must be a whole number; got None"),
        ({"validation_data": GOOD_X}, TypeError, r"validation_data must be a pair \(X, y\); got ndarray"),
        ({"validation_data": (GOOD_X,)}, TypeError, r"validation_data must be a pair \(X, y\); got tuple"),
    ],
)
def test_wrong_arguments_of_fit(settings, error, words):
    net = make()
    trainer, before = sm.Trainer(net), values(net)
    with pytest.raises(error, match=words):
        trainer.fit(GOOD_X, GOOD_Y, **({"epochs": 1} | settings))
    assert_unchanged(net, before)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: make(topology=sm.Uniform(0)), ValueError, r"Uniform\.density must be in \(0, 1\]; got 0"),
        (lambda: make(topology=sm.Uniform(1.3)), ValueError, r"Uniform\.density must be in \(0, 1\]; got 1\.3\. Fractions, not percent"),
        (lambda: sm.MLP([4, 3], density=0), ValueError, r"density must be in \(0, 1\]; got 0"),
        (lambda: sm.MLP([4, 3], density=20), ValueError, r"density must be in \(0, 1\]; got 20\. Fractions, not percent"),
        (lambda: sm.MLP([4, 3], density=-0.1), ValueError, r"density must be in \(0, 1\]; got -0\.1"),
        (lambda: sm.MLP([4, 3], density=np.nan), ValueError, r"density must be in \(0, 1\]; got nan"),
        (lambda: sm.MLP([4, 3], topology=sm.Dense(), density=0.5), ValueError, r"Give topology or density, not both"),
        (lambda: sm.MLP([4]), ValueError, r"sizes must name at least inputs and outputs; got \[4\]"),
        (lambda: sm.MLP([4, 0, 3]), ValueError, r"sizes\[1\] must be a whole number from 1 to 2147483647; got 0"),
        (lambda: sm.MLP([4, 2**31, 3]), ValueError, r"sizes\[1\] must be a whole number from 1 to 2147483647; got 2147483648"),
        (lambda: sm.MLP([4, 3.0]), TypeError, r"sizes\[1\] must be a whole number; got 3\.0"),
        (lambda: make(activation="swish"), ValueError, r"activation must be one of 'identity', 'relu'.*got 'swish'"),
        (lambda: make(output="linear"), ValueError, r"output must be one of 'softmax', 'sigmoid', 'identity'; got 'linear'"),
        (lambda: make(dropout=1), ValueError, r"dropout must be in \[0, 1\); got 1"),
        (lambda: make(dropout=30), ValueError, r"dropout must be in \[0, 1\); got 30\. Fractions, not percent"),
        (lambda: make(input_dropout=-0.1), ValueError, r"input_dropout must be in \[0, 1\); got -0\.1"),
        (lambda: make(slope=-1, activation="leaky_relu"), ValueError, r"slope must be in \[0, .*got -1"),
        (lambda: make(dtype="float16"), ValueError, r"dtype must be one of 'float32', 'float64'; got 'float16'"),
        (lambda: make(seed=-1), ValueError, r"seed must be a whole number at least 0; got -1"),
        (lambda: make(seed=None), TypeError, r"seed must be a whole number; got None"),
        (lambda: make([6, 1]), ValueError, r"A softmax output must have at least 2 units; got 1.*output='sigmoid'"),
        (lambda: sm.Network([]), ValueError, r"A network needs at least one layer; got none"),
        (lambda: sm.Trainer("net"), TypeError, r"network must be like sm\.MLP\(.*got 'net' \(str\)"),
        (lambda: sm.Trainer(make(), loss="mse"), ValueError, r"loss='mse' must come with output 'identity' or 'sigmoid'.*'cross_entropy'"),
        (lambda: sm.Trainer(make(), loss="hinge"), ValueError, r"loss must be one of 'cross_entropy'.*got 'hinge'"),
        (lambda: sm.Trainer(make(), policy="set"), TypeError, r"policy must be like sm\.SET\(zeta=0\.3\); got 'set'"),
        (lambda: sm.Trainer(make(), callbacks=[print]), TypeError, r"callback must be like sm\.EarlyStopping"),
    ],
)
def test_wrong_settings(call, error, words):
    with pytest.raises(error, match=words):
        call()


def linear(n_in, n_out, dtype=np.float32):
    return sm.Linear(DenseWeights(np.ones((n_in, n_out), dtype)), np.zeros(n_out, dtype))


def test_layers_that_do_not_fit():
    with pytest.raises(ValueError, match=r"Layer 1 must take the 3 outputs of layer 0; it takes 4 inputs"):
        sm.Network([linear(2, 3), linear(4, 2)])
    with pytest.raises(ValueError, match=r"Layers must have one dtype; layer 0 has float32, layer 1 float64"):
        sm.Network([linear(2, 3), linear(3, 2, np.float64)])
    with pytest.raises(ValueError, match=r"bias must be float32\[3\]; got float64\[3\]"):
        sm.Linear(DenseWeights(np.ones((2, 3), np.float32)), np.zeros(3))
    with pytest.raises(ValueError, match=r"bias must be float32\[3\]; got float32\[2\]"):
        sm.Linear(DenseWeights(np.ones((2, 3), np.float32)), np.zeros(2, np.float32))


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (["a"] * 8, r"train_step takes y as 8 class indices, integers from 0 to 3; got <U1\[8\]"),
        (np.zeros(7, int), r"train_step takes y as 8 class indices.*got int64\[7\]"),
        (np.zeros(8), r"train_step takes y as 8 class indices.*got float64\[8\]"),
        (np.full(8, 4), r"Class indices must be from 0 to 3; got 4 to 4"),
        (np.full(8, -1), r"Class indices must be from 0 to 3; got -1 to -1"),
        (np.full(8, 2**64 - 1, np.uint64), r"Class indices must be from 0 to 3"),
    ],
)
def test_wrong_targets_of_a_step(y, words):
    with pytest.raises(ValueError, match=words):
        sm.Trainer(make()).train_step(GOOD_X, y)


def test_wrong_number_targets_of_a_step():
    for output in ("sigmoid", "identity"):
        trainer = sm.Trainer(make(output=output))
        with pytest.raises(ValueError, match=r"y must have 4 columns, the network's outputs; got 3"):
            trainer.train_step(GOOD_X, np.zeros((8, 3)))
        with pytest.raises(ValueError, match=r"y must have one entry for each of the 8 rows of X; got shape \(9, 4\)"):
            trainer.train_step(GOOD_X, np.zeros((9, 4)))


# ---- numbers that are none
@pytest.mark.parametrize("topology", [sm.Uniform(0.5), sm.Dense()], ids=["sparse", "dense"])
def test_divergence_names_epoch_step_and_layer(topology):
    net = make(topology=topology, output="identity", activation="identity")
    policy = Keep(net)
    trainer = sm.Trainer(net, optimizer=sm.SGD(lr=1e6), policy=policy)
    with np.errstate(all="ignore"), pytest.raises(sm.NonFiniteError) as caught:
        trainer.fit(GOOD_X, np.ones((8, 4)), 100, 2)
    assert caught.match(rf"The loss became (nan|inf) in epoch {trainer.epoch}, step {trainer.step}; .* in the outputs of layer \d")
    assert caught.match(r"The weights are those before this step\. A lower learning rate")
    assert len(trainer.history) == trainer.epoch and len(policy.steps) == trainer.step > 0
    assert_unchanged(net, policy.steps[-1])


def test_inputs_too_large_for_float32():
    net = make()
    trainer, before = sm.Trainer(net), values(net)
    X = GOOD_X.copy()
    X[3] = 1e300
    with np.errstate(over="ignore"), pytest.raises(sm.NonFiniteError, match=r"epoch 0, step 0; .* in the outputs of layer 0"):
        trainer.fit(X, GOOD_Y, 1, 8)
    assert_unchanged(net, before)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_bad_weight_is_found_in_its_layer(layer, activation):
    net = make(topology=sm.Uniform(1.0), activation=activation)
    net.layers[layer].weights.data[0] = np.nan
    with pytest.raises(sm.NonFiniteError, match=rf"in the weights of layer {layer}"):
        sm.Trainer(net).train_step(np.ones((8, 6)), GOOD_Y)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_an_infinite_weight_may_hide_from_the_loss_but_not_from_the_epoch(layer, activation):
    """The tanh of infinity is 1, the ReLU of its negative 0, and a logit of minus infinity a probability of 0."""
    for bad in (np.inf, -np.inf):
        net = make(topology=sm.Uniform(1.0), activation=activation)
        net.layers[layer].weights.data[0] = bad
        with np.errstate(all="ignore"), pytest.raises(sm.NonFiniteError, match=r"epoch 0, (by )?step 0.*") as caught:
            sm.Trainer(net).fit(np.ones((8, 6)), GOOD_Y, 1, 8)
        assert caught.match(r"layer \d")


def test_nan_in_a_step_is_no_silence():
    """train_step does not look at X: the loss tells."""
    net = make()
    trainer, before = sm.Trainer(net), values(net)
    with pytest.raises(sm.NonFiniteError, match="in the outputs of layer 0"):
        trainer.train_step(spoiled(np.nan), GOOD_Y)
    assert_unchanged(net, before)
    assert np.isfinite(trainer.train_step(GOOD_X, GOOD_Y))


def test_weights_that_overflow_in_the_last_step():
    """The loss of a step tells of the steps before it."""
    net = make(output="identity", activation="identity")
    trainer = sm.Trainer(net, optimizer=sm.SGD(lr=1e38))
    with np.errstate(all="ignore"), pytest.raises(sm.NonFiniteError, match=r"layer \d became NaN or infinite in epoch 0, by step 0"):
        trainer.fit(GOOD_X, np.full((8, 4), 1e10), 1, 8)


# ---- interruptions
class InterruptAt(sm.Callback):
    def __init__(self, epoch, occasion):
        self.epoch, self.occasion, self.ended = epoch, occasion, 0

    def on_epoch_begin(self, trainer, epoch):
        if self.occasion == "begin" and epoch == self.epoch:
            raise KeyboardInterrupt

    def on_epoch_end(self, trainer, record):
        if self.occasion == "end" and record["epoch"] == self.epoch:
            raise KeyboardInterrupt

    def on_fit_end(self, trainer):
        self.ended += 1


@pytest.mark.parametrize("occasion", ["begin", "end"])
def test_interrupted_by_a_callback(occasion):
    X, y = data(20)
    net = make()
    callback = InterruptAt(2, occasion)
    trainer = sm.Trainer(net, policy=sm.SET(), callbacks=[callback])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, y, 5, 8)
    done = 2 if occasion == "begin" else 3
    assert trainer.history.stopped == "interrupted" and len(trainer.history) == trainer.epoch == done
    assert callback.ended == 1 and trainer.step == 3 * done
    net.check()
    trainer.callbacks = []
    history = trainer.fit(X, y, 5, 8, resume=True)
    assert history["epoch"] == list(range(5)) and history.stopped is None


class InterruptAfter(sm.Callback):
    """Ctrl-C, some seconds after the first epoch; and again much later, if Python dropped it in an object's destructor."""

    def __init__(self, seconds):
        self.seconds = seconds

    def on_epoch_end(self, trainer, record):
        if record["epoch"] % 2000 == 0:
            threading.Timer(self.seconds, _thread.interrupt_main).start()


@pytest.mark.parametrize("policy", [sm.Static(), sm.SET()], ids=str)
def test_interrupted_at_any_moment(policy):
    """The net is whole, and training goes on."""
    X, y = data(200)
    net = make()
    trainer = sm.Trainer(net, policy=policy)
    for k in range(12):
        trainer.callbacks = [InterruptAfter(0.001 + 0.0037 * k)]
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(X, y, 10**6, 8)
        assert trainer.history.stopped == "interrupted"
        assert len(trainer.history) in (trainer.epoch, trainer.epoch + 1)
        net.check()
    trainer.callbacks = []
    assert len(trainer.fit(X, y, 1, 8)) == 1


def test_errors_in_callbacks_reach_the_caller():
    class Fails(InterruptAt):
        def on_epoch_end(self, trainer, record):
            raise OSError("disk full")

    callback = Fails(0, "never")
    trainer = sm.Trainer(make(), callbacks=[callback])
    with pytest.raises(OSError, match="disk full"):
        trainer.fit(GOOD_X, GOOD_Y, 5, 8)
    assert callback.ended == 1 and len(trainer.history) == 1


# ---- predictions
def forward(net, X):
    a = np.asarray(X, float)
    for k, layer in enumerate(net.layers):
        z = a @ layer.weights.csr.toarray() + layer.bias
        a = np.maximum(z, 0) if k < len(net.layers) - 1 else z
    return a


@pytest.mark.parametrize("topology", [sm.Uniform(0.5), sm.Dense()], ids=["sparse", "dense"])
def test_predictions_of_a_softmax(topology):
    X, y = data()
    net = make(topology=topology, dropout=0.5, input_dropout=0.5)  # only while training
    z = forward(net, X)
    p = net.predict_proba(X)
    assert p.dtype == np.float32 and p.shape == (8, 4)
    assert_allclose(p, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), rtol=2e-5)
    assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert_array_equal(net.predict(X), p.argmax(axis=1))
    found = net.evaluate(X, y)
    assert_allclose(found["loss"], -np.log(p[np.arange(8), y]).mean(), rtol=1e-5)
    assert found["accuracy"] == net.score(X, y) == np.mean(net.predict(X) == y)


@pytest.mark.parametrize("n_out", [1, 4])
def test_predictions_of_a_sigmoid(n_out):
    X, _ = data()
    y = np.random.default_rng(0).integers(0, 2, (8, n_out))
    net = make([*SIZES[:-1], n_out], output="sigmoid")
    p = net.predict_proba(X)
    assert_allclose(p, 1 / (1 + np.exp(-forward(net, X))), rtol=2e-5)
    predicted = net.predict(X)
    assert predicted.shape == ((8,) if n_out == 1 else (8, 4)) and predicted.dtype.kind == "i"
    assert_array_equal(predicted.reshape(8, -1), p > 0.5)
    found = net.evaluate(X, y)
    assert_allclose(found["loss"], -np.where(y, np.log(p), np.log(1 - p)).mean(), rtol=1e-5)
    assert found["accuracy"] == net.score(X, y) == np.mean(predicted.reshape(8, -1) == y)
    assert_allclose(net.evaluate(X, y, loss="mse")["loss"], ((p - y) ** 2).mean(), rtol=1e-5)


@pytest.mark.parametrize("n_out", [1, 4])
def test_predictions_of_an_identity(n_out):
    X, _ = data()
    y = np.random.default_rng(0).standard_normal((8, n_out))
    net = make([*SIZES[:-1], n_out], output="identity")
    predicted = net.predict(X)
    assert predicted.shape == ((8,) if n_out == 1 else (8, 4)) and predicted.dtype == np.float32
    predicted = predicted.reshape(8, -1)
    assert_allclose(predicted, forward(net, X), rtol=0, atol=1e-5)
    assert_allclose(net.evaluate(X, y)["loss"], ((predicted - y) ** 2).mean(), rtol=1e-5)
    assert "accuracy" not in net.evaluate(X, y)
    r2 = np.mean(1 - ((predicted - y) ** 2).sum(axis=0) / ((y - y.mean(axis=0)) ** 2).sum(axis=0))
    assert_allclose(net.score(X, y), r2, rtol=1e-5)
    if n_out == 1:
        assert net.score(X, y[:, 0]) == net.score(X, y)
    with pytest.raises(ValueError, match=r"predict_proba needs output='softmax' or 'sigmoid'; this network has 'identity'"):
        net.predict_proba(X)
    with pytest.raises(ValueError, match="y must have one entry for each of the 8 rows of X"):
        net.score(X, y[:7])


@pytest.mark.parametrize("output", ["sigmoid", "identity"])
def test_other_outputs_learn(output):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 6))
    y = (X[:, :2] > 0).astype(float) if output == "sigmoid" else X[:, :2] + X[:, 2:4]
    net = make([6, 40, 2], output=output)
    history = sm.Trainer(net, optimizer=sm.Adam(lr=0.02)).fit(X, y, 100, 20, validation_data=(X[:8], y[:8]))
    assert net.score(X, y) > 0.95
    assert history["val_loss"][-1] < history["val_loss"][0] / 5
    assert ("val_accuracy" in history.last) == (output == "sigmoid")


def test_history_agrees_with_evaluate():
    X, y = data()
    net = make()
    trainer = sm.Trainer(net, optimizer=sm.SGD(lr=1e-9))
    history = trainer.fit(X, y, 1, 8, validation_data=(X, y))
    found = net.evaluate(X, y)
    assert history.last["val_loss"] == found["loss"] and history.last["val_accuracy"] == found["accuracy"]
    assert_allclose(history.last["loss"], found["loss"], rtol=1e-6)
    assert history.last["accuracy"] == found["accuracy"]


def test_extreme_logits_keep_a_finite_loss():
    for output, y in (("softmax", np.zeros(8, int)), ("sigmoid", np.zeros((8, 4)))):
        net = make(output=output)
        net.layers[-1].bias[:] = [-1e4, 1e4, 0, 0]
        loss, gradients = sm.Trainer(net).gradients(GOOD_X, y)
        assert np.isfinite(loss) and loss > 10
        assert all(np.isfinite(g).all() for pair in gradients for g in pair)


def test_progress_bar_and_notice_go_to_standard_error(capsys):
    sm.Trainer(make()).fit(GOOD_X, GOOD_Y, 2, 4, progress=True, validation_data=(GOOD_X, GOOD_Y))
    out, err = capsys.readouterr()
    assert out == "" and "4/4" in err and "val acc" in err
