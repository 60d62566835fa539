"""Made version1.sm, a checkpoint of format version 1 that every later sparsemlp must load, and version1.json, what it holds.

Run only with a sparsemlp whose format version is 1; the files are then kept for ever: python tests/data/make_version1.py
"""

import json
import pathlib

import numpy as np

import sparsemlp as sm
from sparsemlp.checkpoint.container import VERSION

HERE = pathlib.Path(__file__).resolve().parent


def data():
    """A tiny problem with text labels, the same on every machine: no random numbers, no exponentials."""
    X = (np.arange(40 * 6).reshape(40, 6) * 37 % 101 / 50 - 1).astype(np.float32)
    return X, np.array(["ant", "bee", "cow"])[np.arange(40) * 7 % 3]


def main():
    if VERSION != 1:
        raise SystemExit(f"This sparsemlp writes version {VERSION}; version1.sm stays as it is.")
    X, y = data()
    net = sm.MLP([6, 9, 7, 3], [sm.Uniform(0.5), sm.Dense(), sm.Uniform(0.8)], activation="leaky_relu", slope=0.1, dropout=0.2, seed=11)
    lr = sm.ExponentialDecay(0.05, interest=0.1)
    trainer = sm.Trainer(net, sm.SGD(lr=lr, momentum=0.9, weight_decay=1e-4), policy=sm.SET(sm.LinearDecrease(0.3, 0.1), "magnitude"))
    trainer.fit(X, y, epochs=3, batch_size=16)
    sm.save(HERE / "version1.sm", trainer)
    held = {
        "repr": [repr(trainer.optimizer), repr(trainer.policy), repr(net)],
        "counters": [trainer.step, trainer.epoch, trainer.n_epochs, trainer.n_fits],
        "loss": trainer.history["loss"],
        "weights": [layer.weights.data.tolist() for layer in net.layers],
        "biases": [layer.bias.tolist() for layer in net.layers],
        "state": [layer.weights.state.tolist() for layer in net.layers],
        "indices": [None if layer.weights.is_dense else layer.weights.indices.tolist() for layer in net.layers],
        "indptr": [None if layer.weights.is_dense else layer.weights.indptr.tolist() for layer in net.layers],
        "labels": net.predict(X).tolist(),
    }
    (HERE / "version1.json").write_text(json.dumps(held, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
