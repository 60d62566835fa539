"""An interrupt leaves no thread that still writes, no mask undone, and the engine free."""

import gc
import threading
import time
import zipfile
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.engine import step, threads
from sparsemlp.weights.change import Change


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    return rng.standard_normal((60, 6)).astype(np.float32), rng.integers(0, 2, 60)


def test_pieces_end_before_an_interrupt_goes_on(monkeypatch):
    """Ctrl-C reaches the thread that waits; the others must have stopped writing when it leaves."""
    monkeypatch.setattr(threads, "get_num_threads", lambda: 3)
    monkeypatch.setattr(threads, "PIECE", 1)
    running = []

    def work(start, stop):
        running.append(start)
        if start == 0:
            raise KeyboardInterrupt
        time.sleep(0.05)
        running.remove(start)

    with pytest.raises(KeyboardInterrupt):
        threads.in_pieces(work, 9)
    assert running == [0]


@dataclass(frozen=True)
class DropFirst(sm.Policy):
    """Removes one connection of each layer and asks for gradients ever after."""

    needs: ClassVar[frozenset] = frozenset({"gradient"})

    def at_start(self, views, rngs):
        return [Change(drop=[0]) for _ in views]


@pytest.mark.parametrize("optimizer", [sm.SGD(lr=0.1, momentum=0.9), sm.Adam(), sm.RMSprop()], ids=repr)
def test_an_interrupt_between_update_and_mask(problem, monkeypatch, optimizer):
    X, y = problem
    net = sm.MLP([6, 9, 2], seed=0)
    trainer = sm.Trainer(net, optimizer, policy=DropFirst(), dense_above=0.0)
    trainer.fit(X, y, epochs=1)
    update = step.in_pieces

    def interrupted(*args):
        update(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(step, "in_pieces", interrupted)
    trainer.stepper.forget()  # prebuilt calls hold the true one
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, y, epochs=2, resume=True)
    assert all(layer.weights.removed[0] for layer in net.layers)
    net.check()
    monkeypatch.undo()
    trainer.stepper.forget()
    trainer.fit(X, y, epochs=2, resume=True)
    net.check()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_the_engine_is_free_afterwards(problem, monkeypatch, error):
    X, y = problem
    trainer = sm.Trainer(sm.MLP([6, 9, 2], density=0.5, seed=0))

    def fail(*args):
        raise error

    monkeypatch.setattr(trainer.stepper, "forward", fail)
    with pytest.raises(error):
        trainer.fit(X, y, epochs=1)
    monkeypatch.undo()
    done = []
    other = threading.Thread(target=lambda: done.append(len(trainer.fit(X, y, epochs=1))), daemon=True)
    other.start()
    other.join(60)
    assert done == [1]


def test_an_interrupt_inside_numbas_lock_stops_no_other_thread(problem):
    """numba's own functions for the number of threads take a lock that an interrupt can leave locked; a step takes it once at most."""
    from numba.np.ufunc import parallel

    X, _ = problem
    net = sm.MLP([6, 9, 2], seed=0)
    wanted = net.predict(X)
    with threads.engine():
        pass  # numba has started its threads
    found = []
    other = threading.Thread(target=lambda: found.append(net.predict(X)), daemon=True)
    with parallel._backend_init_process_lock:
        other.start()
        other.join(30)
    assert len(found) == 1
    np.testing.assert_array_equal(found[0], wanted)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=repr)
def test_what_stops_a_save_goes_on_as_itself(problem, tmp_path, monkeypatch, error):
    """Python's zip file, half written, would raise a ValueError of its own."""
    net, path = sm.MLP([6, 9, 2], seed=0), tmp_path / "net.sm"
    sm.save(path, net)
    before = path.read_bytes()

    def stopped(*args):
        raise error

    monkeypatch.setattr(zipfile, "_get_compressor", stopped)
    with pytest.raises(type(error)):
        sm.save(path, net)
    gc.collect()
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_step_that_was_asked_for_gradients_and_interrupted_can_be_saved(problem, tmp_path, monkeypatch):
    X, y = problem
    trainer = sm.Trainer(sm.MLP([6, 9, 2], seed=0), policy=DropFirst(), dense_above=0.0)

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer.stepper, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, y, epochs=1)
    monkeypatch.undo()
    sm.save(tmp_path / "t.sm", trainer)
    sm.load(tmp_path / "t.sm", custom=[DropFirst]).fit(X, y, epochs=1, resume=True)


def test_gradients_of_a_topology_that_an_interrupt_left_behind_are_not_saved(problem, tmp_path):
    X, y = problem
    trainer = sm.Trainer(sm.MLP([6, 9, 2], seed=0), policy=DropFirst(), dense_above=0.0)
    trainer.fit(X, y, epochs=1)
    trainer.evolution.accumulated[0] = np.zeros(3, np.float32)
    sm.save(tmp_path / "t.sm", trainer)
    assert sm.load(tmp_path / "t.sm", custom=[DropFirst]).evolution.accumulated == {}
