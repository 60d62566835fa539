"""Made the files version1_*.sm with sparsemlp 0.1, one of each kind that it could save; kept to show how. Not run by the tests.

python tests/data/make_version1_kinds.py FOLDER
"""

import json
import pathlib
import sys

import numpy as np

import sparsemlp as sm


def data():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((60, 12)).astype(np.float32)
    return X, (X @ rng.standard_normal((12, 3))).argmax(axis=1)


def kinds():
    """What was saved, by the name of its file."""
    X, y = data()
    mixed = sm.MLP([12, 20, 16, 3], topology=[sm.Uniform(0.3), sm.Dense(), sm.Uniform(0.6)], dropout=0.1, input_dropout=0.1, seed=1)
    rigl = sm.Trainer(mixed, optimizer=sm.AdamW(0.01), policy=sm.RigL(every=2), callbacks=[])
    rigl.fit(X, y, epochs=2, batch_size=16, sample_weight=np.arange(1.0, 61.0))
    masked = sm.Trainer(sm.MLP([12, 20, 3], seed=2), policy=sm.IterativePruning(0.8), optimizer=sm.RMSprop(0.003), dense_above=0.0)
    masked.fit(X, y, epochs=3, batch_size=16)
    labels = sm.Trainer(sm.MLP([12, 9, 1], density=0.5, output="sigmoid", activation="leaky_relu", dtype="float64", seed=3))
    labels.fit(X, np.where(y == 0, "no", "yes"), epochs=2, batch_size=20)
    coder = sm.Trainer(sm.Autoencoder([12, 8, 4], density=0.5, activation="tanh", seed=5), optimizer=sm.SGD(0.01))
    coder.fit(X, X, epochs=2)
    return {"rigl": rigl, "masked": masked, "labels": labels.network, "autoencoder": coder, "prediction": sm.for_prediction(rigl)}


if __name__ == "__main__":
    folder, found = pathlib.Path(sys.argv[1]), {}
    for name, what in kinds().items():
        sm.save(folder / f"version1_{name}.sm", what)
        net = getattr(what, "network", what)
        found[name] = {"repr": repr(net), "scores": net._scores(data()[0]).tolist()}
    (folder / "version1_kinds.json").write_text(json.dumps(found))
