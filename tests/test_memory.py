"""Memory: nothing of the size of the dense layer is ever made, and a training step allocates nothing."""

import gc
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

import sparsemlp as sm

WIDE = 100_000
DENSITY = 1e-4  # 1 million connections; one bit a position of the dense layer would be 1.25 GB


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """So that the numbers are those of the arrays, not of thread pools."""
    sm.set_num_threads(1)
    yield
    sm.set_num_threads(None)


CHILD = """
import resource, sys
import numpy as np
import sparsemlp as sm

def run(wide, density):
    net = sm.MLP([100, wide, wide, 10], topology=[sm.Uniform(0.01), sm.Uniform(density), sm.Uniform(0.01)], dropout=0.2, seed=0)
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 100)), rng.integers(0, 10, 20)
    trainer = sm.Trainer(net, optimizer=sm.Adam(lr=0.001), policy=sm.SET(zeta=0.3, new="initializer"))
    history = trainer.fit(X, y, 3, 8, validation_data=(X[:8], y[:8]))
    assert history["grown"][1][1] == history["dropped"][1][1] > 0.25 * net.layers[1].weights.n_connections
    assert np.isfinite(history["val_loss"]).all()
    net.check()
    assert net.predict(X[:8]).shape == (8,)
    return net

sm.set_num_threads(1)
run(50, 0.1)  # compiles
wide, density, limit = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + limit, used + limit))
try:
    np.ones(limit + limit // 8, np.uint8)  # the eighth: what was mapped when `used` was read may be gone
except MemoryError:
    pass
else:
    raise SystemExit("the limit does not hold")
net = run(wide, density)
print(net.layers[1].weights.n_connections)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of address space")
def test_a_wide_layer_trains_under_a_memory_limit():
    """400 MB beyond the interpreter, where one *bit* for each position of the dense layer would take 1.25 GB."""
    limit = 400_000_000
    assert limit < WIDE * WIDE / 8 / 3
    done = subprocess.run([sys.executable, "-c", CHILD, str(WIDE), str(DENSITY), str(limit)], capture_output=True, text=True, timeout=600)
    assert done.stdout.strip() == str(int(WIDE * WIDE * DENSITY)), done.stderr


def peak(function):
    """(result, bytes allocated at most while it ran); NumPy tells tracemalloc of its arrays."""
    gc.collect()
    tracemalloc.start()
    try:
        result = function()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_grows_with_the_connections():
    """Everywhere, also where no limit can be set: made, trained, evolved and asked within 150 bytes a connection or unit.

    What stays in float32: 16 bytes a connection, 8 for Adam, and activations of 8 lanes, 32 bytes a unit.
    """
    topology = [sm.Uniform(0.01), sm.Uniform(DENSITY), sm.Uniform(0.01)]
    X, y = np.random.default_rng(0).standard_normal((8, 100)), np.arange(8)

    def run():
        net = sm.MLP([100, WIDE, WIDE, 10], topology=topology, seed=0)
        sm.Trainer(net, optimizer=sm.Adam(lr=0.001), policy=sm.SET(zeta=0.3)).fit(X, y, 2, 8)
        net.predict(X)
        return net

    sm.Trainer(sm.MLP([100, 50, 50, 10], topology=topology[::2] + [sm.Uniform(0.1)]), policy=sm.SET()).fit(X, y, 2, 8)  # compiles
    net, used = peak(run)
    assert net.layers[1].weights.n_connections == 1_000_000
    assert used < 150 * (net.n_connections + sum(net.sizes))


@pytest.mark.parametrize("topology", [sm.Uniform(0.1), sm.Dense()], ids=["sparse", "dense"])
@pytest.mark.parametrize("optimizer", [sm.SGD(lr=0.01, momentum=0.9), sm.Adam(lr=0.001)], ids=["SGD", "Adam"])
def test_a_step_allocates_nothing(topology, optimizer):
    """But for Python's and numba's small objects: 100 kB, where one layer's weights alone are 400 kB (sparse) or 4 MB (dense)."""
    net = sm.MLP([100, 1000, 1000, 10], topology=topology, dropout=0.1, seed=0)
    trainer = sm.Trainer(net, optimizer=optimizer)
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((8, 100)), rng.integers(0, 10, 8)
    weights = np.ones(8)
    for n in (8, 3):
        trainer.train_step(X[:n], y[:n])

    def steps(n):
        for _ in range(n):
            trainer.train_step(X, y)
            trainer.train_step(X, y, weights)

    steps(2)
    assert peak(lambda: steps(10))[1] < 100_000


def test_a_run_keeps_nothing_but_its_history():
    """Epochs, partial batches, evaluations, evolutions: what is left after 30 epochs is what was left after 3."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 100)), rng.integers(0, 10, 20)
    net = sm.MLP([100, 500, 500, 10], topology=sm.Uniform(0.1), seed=0)
    trainer = sm.Trainer(net, policy=sm.SET())
    trainer.fit(X, y, 2, 8, validation_data=(X[:8], y[:8]))
    gc.collect()
    tracemalloc.start()
    try:
        left = []
        for epochs in (5, 15, 25):
            trainer.fit(X, y, epochs, 8, validation_data=(X[:8], y[:8]), resume=True)
            gc.collect()
            left.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    record = 5_000  # bytes of an epoch's record, generously
    assert left[2] - left[1] < 10 * record


@pytest.mark.parametrize("form", ["uint8", "F order", "strided", "float32", "csr"])
def test_x_is_read_in_place_or_batch_by_batch(form):
    """No second copy of the inputs, 10 MB as bytes and 40 MB as float32, is made; 2 MB say which values are finite."""
    X = np.zeros((20_000, 500), np.uint8)
    X[:, 0] = 1
    if form == "F order":
        X = np.asfortranarray(X)
    elif form == "strided":
        X = np.zeros((20_000, 1000), np.uint8)[:, ::2]
    elif form == "float32":
        X = X.astype(np.float32)
    elif form == "csr":
        X = sp.csr_array(X, dtype=np.float32)
    y = np.zeros(20_000, int)
    trainer = sm.Trainer(sm.MLP([500, 20, 10], topology=sm.Uniform(0.1), seed=0))
    trainer.fit(X[:600], y[:600], 1, 64, validation_data=(X[:500], y[:500]))  # loads every kernel, of both widths, that is measured below
    _, used = peak(lambda: trainer.fit(X, y, 1, 64, validation_data=(X[:500], y[:500])))
    assert used < 6e6
