"""Threads: how many, from several Python threads at once, and in forked children."""

import subprocess
import sys
import threading

import numba
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import sparsemlp as sm

LIMIT = numba.config.NUMBA_NUM_THREADS


@pytest.fixture(autouse=True)
def as_it_was():
    yield
    sm.set_num_threads(None)


def test_number_of_threads():
    assert 1 <= sm.get_num_threads() <= LIMIT
    for n in range(1, LIMIT + 1):
        sm.set_num_threads(n)
        assert sm.get_num_threads() == n
    sm.set_num_threads(np.int64(1))
    assert sm.get_num_threads() == 1
    sm.set_num_threads(None)
    assert sm.get_num_threads() == min(sm.engine.threads.available_cpus(), LIMIT)


@pytest.mark.parametrize(
    ("n", "error", "words"),
    [
        (0, ValueError, rf"n must be a whole number from 1 to {LIMIT}; got 0"),
        (-1, ValueError, rf"n must be a whole number from 1 to {LIMIT}; got -1"),
        (LIMIT + 1, ValueError, rf"n must be a whole number from 1 to {LIMIT}; got {LIMIT + 1}\. numba was started with {LIMIT} threads"),
        (1.0, TypeError, r"n must be a whole number; got 1\.0 \(float\)"),
        (True, TypeError, r"n must be a whole number; got True \(bool\)"),
        ("2", TypeError, r"n must be a whole number; got '2' \(str\)"),
    ],
)
def test_wrong_numbers(n, error, words):
    sm.set_num_threads(1)
    with pytest.raises(error, match=words):
        sm.set_num_threads(n)
    assert sm.get_num_threads() == 1


def test_numba_keeps_its_own_number():
    sm.set_num_threads(min(2, LIMIT))
    numba.set_num_threads(LIMIT)
    make().predict(np.ones((3, 6)))
    assert numba.get_num_threads() == LIMIT


def make(seed=0, topology=None):
    return sm.MLP([6, 40, 30, 4], topology=topology or sm.Uniform(0.4), seed=seed)


def data():
    rng = np.random.default_rng(0)
    return rng.standard_normal((24, 6)), rng.integers(0, 4, 24)


def train(net, epochs=20):
    X, y = data()
    trainer = sm.Trainer(net, optimizer=sm.Adam(lr=0.01), policy=sm.SET(zeta=0.2))
    trainer.fit(X, y, epochs, 8)
    return np.concatenate([layer.weights.data for layer in net.layers])


def at_once(*jobs):
    """Run jobs in Python threads that start together; what they returned."""
    gate, results = threading.Barrier(len(jobs)), [None] * len(jobs)

    def work(k):
        gate.wait()
        try:
            results[k] = jobs[k]()
        except BaseException as error:  # noqa: BLE001
            results[k] = error

    workers = [threading.Thread(target=work, args=(k,)) for k in range(len(jobs))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


@pytest.mark.parametrize("topology", [None, sm.Dense()], ids=["sparse", "dense"])
def test_two_nets_train_at_once(topology):
    want = [train(make(seed, topology)) for seed in range(3)]
    found = at_once(*(lambda seed=seed: train(make(seed, topology)) for seed in range(3)))
    for a, b in zip(found, want, strict=True):
        assert_array_equal(a, b)


def test_one_net_predicts_in_two_threads():
    X, _ = data()
    net = make()
    want = [net.predict_proba(X[k : k + 8]) for k in (0, 8, 16)]

    def predict(k):
        return [net.predict_proba(X[8 * k : 8 * k + 8]) for _ in range(50)]

    for found, right in zip(at_once(*(lambda k=k: predict(k) for k in range(3))), want, strict=True):
        for p in found:
            assert_array_equal(p, right)


def test_a_net_predicts_while_another_trains():
    X, _ = data()
    net, other = make(), make(1)
    right = net.predict_proba(X[:8])
    want = train(make(1))
    _, found = at_once(lambda: [assert_array_equal(net.predict_proba(X[:8]), right) for _ in range(100)], lambda: train(other))
    assert_array_equal(found, want)


def test_the_number_of_threads_may_change_meanwhile():
    want = train(make())

    def change():
        for k in range(200):
            sm.set_num_threads(1 + k % min(2, LIMIT))

    found, _ = at_once(lambda: train(make()), change)
    assert_array_equal(found, want)


# ---- fork
FORK = """
import os, sys, warnings
import numpy as np
import sparsemlp as sm

rng = np.random.default_rng(0)
X, y = rng.standard_normal((24, 6)), rng.integers(0, 4, 24)

def make(seed):
    return sm.MLP([6, 40, 30, 4], topology=sm.Uniform(0.4), seed=seed)

def train(net):
    sm.Trainer(net, optimizer=sm.Adam(lr=0.01), policy=sm.SET(zeta=0.2)).fit(X, y, 5, 8)
    return np.concatenate([layer.weights.data for layer in net.layers])

threads = int(sys.argv[1])
sm.set_num_threads(threads)
net = make(0)
want, before = train(make(1)), net.predict_proba(X[:8])  # with threads > 1, worker threads that the child will not have
warnings.simplefilter("ignore", DeprecationWarning)  # Python's, of forks in processes with threads
child = os.fork()
if child == 0:
    code = 1
    try:
        assert sm.get_num_threads() == 1
        assert np.array_equal(net.predict_proba(X[:8]), before)  # by a plan that the parent made
        assert np.array_equal(train(make(1)), want)
        sm.set_num_threads(threads)
        assert np.array_equal(train(make(1)), want)
        code = 0
    finally:
        os._exit(code)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert sm.get_num_threads() == threads and np.array_equal(train(make(1)), want)  # the parent goes on
print("right")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Windows cannot fork, and macOS advises against it")
@pytest.mark.parametrize("threads", [n for n in (1, 2) if n <= LIMIT])
def test_forked_child_trains_alone(threads):
    done = subprocess.run([sys.executable, "-c", FORK, str(threads)], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "right", done.stderr
