"""The systems that the benchmarks compare with do the same work: same net, same batches, same losses. Skipped if not installed."""

import importlib
import pathlib

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.benchmark.problem import Problem
from sparsemlp.benchmark.systems import _optimizer

BENCH = pathlib.Path(__file__).parents[1] / "bench"
NEEDS = {"torch.sparse_csr": "torch", "MKL sparse + numba dW": "sparse_dot_mkl", "SciPy CSR + numba dW": "scipy"}
NEEDS |= {"torch dense": "torch", "torch dense, tuned": "torch", "torch masked dense": "torch", "scikit-learn MLPClassifier": "sklearn"}


def build(name, problem):
    if importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed")
    peers = importlib.import_module("peers")
    module, function = {**peers.DENSE, **peers.SPARSE}[name].split(":")
    try:
        return getattr(importlib.import_module(module), function)(problem)
    except ImportError as error:  # sparse_dot_mkl without MKL
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
@pytest.mark.parametrize("name", [name for name in NEEDS if "dense" not in name and "scikit" not in name])
@pytest.mark.filterwarnings("ignore")
def test_sparse_peers_train_as_we_do(name, optimizer):
    problem = Problem((50, 80, 60, 10), density=0.2, batch_size=16, lr=0.01, optimizer=optimizer)
    run, info = build(name, problem)
    net = sm.MLP(problem.sizes, topology=problem.topology, seed=0)
    for layer, matrix in zip(net.layers, problem.matrices(), strict=True):
        layer.weights.data[:] = matrix.data
    trainer, batches = sm.Trainer(net, optimizer=_optimizer(problem), lr_scale=None), problem.batches()
    want = [trainer.train_step(*batches[k % len(batches)]) for k in range(20)]
    np.testing.assert_allclose([run() for _ in want], want, rtol=1e-4)
    assert info["connections"] == net.n_connections


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
@pytest.mark.parametrize("name", [name for name in NEEDS if "dense" in name and "MKL" not in name])
@pytest.mark.filterwarnings("ignore")
def test_torch_learns(name, optimizer):
    lr = 0.01 if optimizer == "adam" else 0.1
    run, info = build(name, Problem((50, 80, 10), density=0.2, batch_size=16, lr=lr, optimizer=optimizer))
    losses = [run() for _ in range(160)]
    assert np.mean(losses[-8:]) < 0.7 * np.mean(losses[:8])
    assert info["connections"] == (960 if "masked" in name else 4800)


@pytest.mark.parametrize("name", NEEDS)
@pytest.mark.filterwarnings("ignore")
def test_peers_predict(name):
    run, _ = build(name, Problem((50, 80, 10), density=0.2, batch_size=16, task="predict"))
    assert len(run()) == 16
