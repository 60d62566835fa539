"""Bytes of the nets, sparse and dense: in training, in prediction, in a file."""

import pathlib
import tempfile

import numpy as np

from sparsemlp import SGD, Trainer, for_prediction, memory_report, save
from sparsemlp.environment import machine

from .settings import NETS, SETTINGS, build


def measure():
    """Count the bytes of each net, sparse and dense.

    Returns
    -------
    dict
        "nets": by net and arm ("static", "dense") a dict of bytes: "training", weights, indices, momentum and biases; "step", the same
        with the buffers of a step of 100 images; "prediction", what `for_prediction` keeps; "file", what that is on disk.
    """
    found = {}
    for net in NETS:
        found[net] = {}
        for arm in ("static", "dense"):
            network = build(net, arm, 0)
            trainer = Trainer(network, optimizer=SGD(lr=SETTINGS["lr"], momentum=SETTINGS["momentum"]))
            trainer.train_step(np.zeros((SETTINGS["batch_size"], 784), np.float32), np.zeros(SETTINGS["batch_size"], int))
            report = memory_report(trainer)
            small = for_prediction(trainer)
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "net.sparsemlp"
                save(path, small)
                size = path.stat().st_size
            prediction = memory_report(small).weights
            found[net][arm] = {"training": report.weights, "step": report.total, "prediction": prediction, "file": size}
    return {"experiment": "dynamic-pruning-memory", "machine": machine(), "nets": found}
