"""Layers other than Linear: gradients, running statistics, saving, resuming, and a net of all of them."""

import copy

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.layers import KINDS

SHAPE = (2, 5, 4)


class Softplus(sm.ActivationLayer):
    def value(self, z):
        return np.logaddexp(0, z)

    def derivative(self, z):
        return 1 / (1 + np.exp(-z))


def linear(n_in, n_out, seed, dtype="float64", topology=None, **settings):
    net = sm.MLP([n_in, n_out], topology=topology or sm.Uniform(0.4), dtype=dtype, output="identity", seed=seed)
    layer = net.layers[0]
    return sm.Linear(layer.weights, layer.bias, initializer=sm.He(), **settings)


def chain(middle, n_in=7, seed=0, below="tanh", dtype="float64", **options):
    """Linear -> the layer -> Linear, with a second Linear between, so that the layer is finished by one and finishes another."""
    first = linear(n_in, middle.n_in, seed, dtype, activation=below)
    second = linear(middle.n_out, 9, seed + 1, dtype, activation="tanh", topology=options.pop("topology", None))
    return sm.Network([first, middle, second, linear(9, 3, seed + 2, dtype, activation="identity")], output="softmax", **options)


MAKE = {
    "max": lambda: sm.MaxPool2D(SHAPE, (2, 3), stride=(2, 1)),
    "average": lambda: sm.AveragePool2D(SHAPE, 2, stride=1),
    "norm": lambda: sm.BatchNorm(6, dtype="float64"),
    "norm of images": lambda: sm.BatchNorm(SHAPE, dtype="float64"),
    "srelu": lambda: sm.SReLU(6, left=-0.3, right=0.4, dtype="float64"),
    "own": lambda: Softplus(6),
}


@pytest.mark.parametrize("n", [1, 7, 70])
@pytest.mark.parametrize("topology", [sm.Uniform(0.5), sm.Dense()], ids=["sparse", "dense"])
@pytest.mark.parametrize("name", MAKE)
def test_gradients(name, topology, n):
    """Of every parameter, and so of what each layer hands down, against central differences in float64."""
    if name.startswith("norm") and n == 1 and "images" not in name:
        pytest.skip("one sample has no variance")
    rng = np.random.default_rng(3)
    net = chain(MAKE[name](), topology=topology)
    for layer in net.layers:
        for p in layer.parameters():
            p.data += 0.1 * rng.standard_normal(p.data.size)
    trainer = sm.Trainer(net)
    X, y = rng.standard_normal((n, 7)), rng.integers(0, 3, n)
    loss, found = trainer.gradients(X, y)
    step = 1e-6
    for layer, row in zip(net.layers, found, strict=True):
        assert len(row) == len(layer.parameters())
        for p, gradient in zip(layer.parameters(), row, strict=True):
            for k in rng.permutation(p.data.size)[:6]:
                kept, at = p.data[k], []
                for side in (step, -step):
                    p.data[k] = kept + side
                    at.append(trainer.gradients(X, y)[0])
                p.data[k] = kept
                assert gradient[k] == pytest.approx((at[0] - at[1]) / (2 * step), rel=2e-4, abs=1e-8), (layer, p.name, k)
    assert trainer.gradients(X, y)[0] == loss


def test_pools_are_what_they_say():
    rng = np.random.default_rng(0)
    image = rng.standard_normal((3, *SHAPE))
    for layer, reduce in ((sm.MaxPool2D(SHAPE, 2, stride=1), np.max), (sm.AveragePool2D(SHAPE, 2, stride=1), np.mean)):
        net = sm.Network([layer, linear(layer.n_out, 2, 0)])
        net.layers[1].weights = sm.DenseWeights(np.eye(layer.n_out, 2))
        got = net.predict_proba(image.reshape(3, -1))
        window = np.lib.stride_tricks.sliding_window_view(image, (2, 2), axis=(2, 3))
        want = np.asarray(reduce(window, axis=(-1, -2))).reshape(3, -1)[:, :2]
        want = np.exp(want - want.max(axis=1, keepdims=True))
        np.testing.assert_allclose(got, want / want.sum(axis=1, keepdims=True), rtol=1e-12)


def test_batch_norm_trains_on_the_batch_and_predicts_by_running_statistics():
    rng = np.random.default_rng(0)
    norm = sm.BatchNorm(7, momentum=0.25, dtype="float64")
    net = sm.Network([norm, linear(7, 3, 0, activation="identity")], output="identity")
    X = 3 + 2 * rng.standard_normal((50, 7))
    sm.Trainer(net, optimizer=sm.SGD(lr=1e-9)).train_step(X, np.zeros((50, 3)))
    np.testing.assert_allclose(norm.buffers["mean"], 0.25 * X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(norm.buffers["variance"], 0.75 + 0.25 * X.var(axis=0), rtol=1e-12)
    x = (X - norm.buffers["mean"]) / np.sqrt(norm.buffers["variance"] + norm.eps)
    want = (x * norm.gamma + norm.beta) @ net.layers[1].weights.csr.toarray() + net.layers[1].bias
    np.testing.assert_allclose(net.predict(X), want, rtol=1e-10)


def all_of_them(seed=0):
    return sm.Network(
        [
            linear(20, 40, seed, "float32", activation="identity", dropout=0.1),
            sm.BatchNorm(SHAPE),
            sm.SReLU(40, dropout=0.2),
            sm.MaxPool2D(SHAPE, 2, stride=1),
            linear(24, 24, seed + 1, "float32", activation="leaky_relu"),
            sm.AveragePool2D((2, 4, 3), (1, 3)),
            Softplus(8),
            linear(8, 5, seed + 2, "float32", activation="identity"),
        ],
        input_dropout=0.1,
        seed=seed,
    )


def data(n=90):
    rng = np.random.default_rng(5)
    X = rng.standard_normal((n, 20)).astype(np.float32)
    return X, (X @ rng.standard_normal((20, 5))).argmax(axis=1)


def bits(net):
    return [a.tobytes() for layer in net.layers for a in (*[p.data for p in layer.parameters()], *layer.buffers.values())]


def test_a_net_of_all_of_them(tmp_path):
    """Trains, evolves, saves, resumes to the same bits, predicts alike in every form, and is reported."""
    X, y = data()
    runs = []
    for stop in (None, 3):
        trainer = sm.Trainer(all_of_them(), optimizer=sm.Adam(lr=0.01), policy=sm.SET(zeta=0.3))
        trainer.fit(X, y, epochs=stop or 6, batch_size=32)
        if stop:
            sm.save(tmp_path / "run.sm", trainer)
            trainer = sm.load(tmp_path / "run.sm", custom=[Softplus])
            trainer.fit(X, y, epochs=6, batch_size=32, resume=True)
        runs.append(trainer)
    assert bits(runs[0].network) == bits(runs[1].network)
    assert runs[0].history["loss"] == runs[1].history["loss"]
    assert runs[0].history["loss"][-1] < runs[0].history["loss"][0]
    net = runs[0].network
    want = net.predict_proba(X)
    small = sm.for_prediction(net)
    for other in (small, copy.deepcopy(net)):
        np.testing.assert_array_equal(other.predict_proba(X), want)
    sm.save(tmp_path / "small.sm", small)
    np.testing.assert_array_equal(sm.load(tmp_path / "small.sm", custom=[Softplus]).predict_proba(X), want)
    with pytest.raises(sm.CheckpointError, match="Softplus"):
        sm.load(tmp_path / "small.sm")
    assert net.n_parameters == net.n_connections + 40 + 24 + 5 + 2 * 2 + 4 * 40
    assert "MaxPool2D" in net.summary() and net.summary().count("\n") == 9
    report = sm.memory_report(runs[0])
    assert report.layers[1]["bias"] == sum(b.nbytes for b in net.layers[1].buffers.values()) + 3 * 2 * 2 * 4
    assert sm.energy_report(net).connections == net.n_connections
    assert net.check_connectivity().sizes == (20, 40, 40, 40, 24, 24, 8, 8, 5)
    again = sm.restart(net)
    assert again.n_connections == net.n_connections and again.layers[2].parameters()[0].data[0] == -1


def test_threads_do_not_change_the_bits():
    X, y = data(200)
    found = []
    for n in (1, 2):
        sm.set_num_threads(n)
        try:
            trainer = sm.Trainer(all_of_them(), policy=sm.SET(zeta=0.3))
            trainer.fit(X, y, epochs=2, batch_size=130)
            found.append(bits(trainer.network))
        finally:
            sm.set_num_threads(None)
    assert found[0] == found[1]


def test_activation_classes_in_an_mlp():
    net = sm.MLP([6, 8, 7, 3], activation=[sm.SReLU, "tanh"], dropout=[0.5, 0.0], dtype="float64", seed=0)
    assert [type(layer).__name__ for layer in net.layers] == ["Linear", "SReLU", "Linear", "Linear"]
    assert net.dtype == np.float64 and net.layers[1].dropout == 0.5 and net.layers[0].dropout == 0
    with pytest.raises(ValueError, match="each of the 2"):
        sm.MLP([6, 8, 7, 3], activation=["relu"])
    with pytest.raises(TypeError, match="activation"):
        sm.MLP([6, 8, 3], activation=lambda n: n)


def test_chains_that_do_not_fit():
    pool = sm.MaxPool2D((1, 4, 4), 2)
    with pytest.raises(ValueError, match="must take the 4 outputs of layer 0; it takes 16"):
        sm.Network([pool, pool, linear(4, 2, 0)])
    with pytest.raises(ValueError, match=r"shape \(1, 2, 2\) that layer 0"):
        sm.Network([pool, sm.BatchNorm((4, 1, 1), dtype="float64"), linear(4, 2, 0)])
    with pytest.raises(ValueError, match="one dtype"):
        sm.Network([linear(4, 4, 0), sm.BatchNorm(4), linear(4, 2, 0)])
    with pytest.raises(ValueError, match="last layer must have an activation"):
        sm.Network([linear(4, 4, 0), sm.BatchNorm(4, dtype="float64")])
    with pytest.raises(TypeError, match=r"layers\[0\]"):
        sm.Network([1])
    for wrong in ({"window": 5}, {"window": 0}, {"window": 2, "stride": 0}, {"window": (2, 2, 2)}):
        with pytest.raises(ValueError, match="window|stride"):
            sm.MaxPool2D((1, 4, 4), **wrong)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_hostile_content_is_refused(kind):
    """Whatever is missing or of another type: an error that a loader turns into its own, never a crash."""
    layer = {"Linear": linear(4, 3, 0)}.get(kind) or {"BatchNorm": sm.BatchNorm(4), "SReLU": sm.SReLU(4)}.get(kind) or KINDS[kind](SHAPE, 2)
    content = layer.to_dict()
    for name in content:
        for value in (None, "x", -1, [], np.zeros(7), np.full((2, 2), np.nan)):
            changed = {**content, name: value}
            try:
                KINDS[kind].from_dict(changed)
            except (ValueError, TypeError, AttributeError, KeyError):
                continue
            assert not isinstance(value, np.ndarray) or name == "initializer", (name, value)
