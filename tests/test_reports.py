"""Reports count what is there."""

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.commands.main import main


@pytest.mark.parametrize(("optimizer", "expected"), [(sm.SGD(lr=0.1), 16), (sm.SGD(lr=0.1, momentum=0.9), 20), (sm.Adam(), 24)])
def test_bytes_per_connection(optimizer, expected):
    trainer = sm.Trainer(sm.MLP([50, 60, 10], density=0.2, seed=0), optimizer=optimizer)
    trainer.train_step(np.zeros((4, 50), np.float32), np.zeros(4, int))
    assert sm.memory_report(trainer).bytes_per_connection == expected


def test_the_sum_is_that_of_the_arrays():
    trainer = sm.Trainer(sm.MLP([50, 60, 10], topology=[sm.Uniform(0.2), sm.Dense()], seed=0))
    before = sm.memory_report(trainer)
    assert before.buffers == {"activations": 0, "gradients": 0, "scratch": 0}
    trainer.train_step(np.zeros((4, 50), np.float32), np.zeros(4, int))
    report = sm.memory_report(trainer)
    held = 0
    for layer in trainer.network.layers:
        w = layer.weights
        held += w.data.nbytes + w.state.nbytes + layer.bias.nbytes + layer.bias_state.nbytes
        held += 0 if w.is_dense else w.indices.nbytes + w.indptr.nbytes + w.perm.nbytes + w.inputs.nbytes + w.out_ptr.nbytes
    assert report.weights == held == report.total - sum(report.buffers.values())
    assert report.buffers["gradients"] >= 60 * 10 * 4  # the dense layer's dW
    assert [row["activations"] for row in report.layers] == [60 * 8 * 4, 10 * 8 * 4] == [row["gradients"] for row in report.layers]
    assert report.buffers["activations"] == (50 + 60 + 10) * 8 * 4
    assert report.inference < report.weights
    assert str(report).count("\n") == 6


def test_the_command_counts_both(capsys, tmp_path):
    assert main(["memory", "--net", "64-100-10", "--density", "0.1", "--dense", "--json", str(tmp_path / "m.json")]) == 0
    assert "dense / sparse" in capsys.readouterr().out
    assert main(["memory", "--net", "wide"]) == 2
