"""The autoencoder: its shape, its halves, that it learns, that it is saved."""

import numpy as np
import pytest

import sparsemlp as sm


def reference(net, X, layers):
    """The activations after so many layers, in plain NumPy."""
    functions = {"sigmoid": lambda a: 1 / (1 + np.exp(-a)), "tanh": np.tanh, "identity": lambda a: a, "relu": lambda a: np.maximum(a, 0)}
    for layer in net.layers[:layers]:
        X = functions[layer.activation](X @ layer.weights.csr.toarray() + layer.bias)
    return X


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("output", ["identity", "sigmoid"])
@pytest.mark.parametrize("topology", [sm.Dense(), sm.Uniform(0.6)])
def test_code_and_reconstruction_are_those_of_the_layers(activation, output, topology):
    net = sm.Autoencoder([12, 9, 5], topology, activation=activation, output=output, dtype="float64", seed=3)
    assert net.sizes == [12, 9, 5, 9, 12]
    X = np.random.default_rng(0).random((600, 12))
    code = net.transform(X)
    np.testing.assert_allclose(code, reference(net, X, 2), rtol=1e-12)
    np.testing.assert_allclose(net.predict(X), reference(net, X, 4), rtol=1e-11)
    np.testing.assert_allclose(net.inverse_transform(code), net.predict(X), rtol=1e-11)
    assert net.reconstruction_error(X) == pytest.approx(np.mean((net.predict(X) - X) ** 2))
    assert net.encoder.layers[0] is net.layers[0]


@pytest.mark.parametrize("output", ["identity", "sigmoid"])
def test_it_learns_beyond_the_mean(output):
    X, _, X_test, _ = sm.datasets.load("digits")
    X, X_test = X / 16, X_test / 16
    net = sm.Autoencoder([64, 32, 12], density=0.4, activation="tanh", output=output, seed=0)
    history = sm.Trainer(net, optimizer=sm.Adam(lr=0.005), loss="mse").fit(X, X, epochs=15, batch_size=32, validation_data=(X_test, X_test))
    assert history["loss"][-1] < 0.7 * np.mean((X - X.mean(axis=0)) ** 2)
    assert net.reconstruction_error(X_test) == pytest.approx(history["val_loss"][-1])


def test_saved_and_loaded(tmp_path):
    net = sm.Autoencoder([6, 4, 2], density=0.8, activation="tanh", seed=1)
    sm.save(tmp_path / "a.sm", net)
    again = sm.load(tmp_path / "a.sm")
    X = np.eye(6, dtype=np.float32)
    assert type(again) is sm.Autoencoder
    np.testing.assert_array_equal(again.transform(X), net.transform(X))


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="at least the inputs and the code"):
        sm.Autoencoder([784])
    with pytest.raises(ValueError, match="'identity' or 'sigmoid'; got 'softmax'"):
        sm.Autoencoder([784, 10], output="softmax")
    net = sm.Autoencoder([6, 4, 2], seed=0)
    net.layers = net.layers[:3]
    with pytest.raises(ValueError, match="mirrored around the code"):
        net.transform(np.eye(6))
