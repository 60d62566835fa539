"""Same seed, same bits: run after run, on 1, 2 and 4 threads, interrupted and resumed, and however the data are stored."""

import numba
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal

import sparsemlp as sm

THREADS = [n for n in (1, 2, 4) if n <= numba.config.NUMBA_NUM_THREADS]


@pytest.fixture(autouse=True)
def threads():
    """One, unless a test asks for more."""
    sm.set_num_threads(1)
    yield
    sm.set_num_threads(None)


def data(n=60, n_in=20, n_classes=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 200, (n, n_in)).astype(np.uint8), rng.integers(0, n_classes, n)


def make(seed=0, sizes=(20, 40, 30, 5), **settings):
    settings = {"topology": sm.ErdosRenyi(density=0.3), "dropout": 0.2, "input_dropout": 0.1} | settings
    return sm.MLP(list(sizes), seed=seed, **settings)


def trainer_of(net, optimizer=None, callbacks=()):
    return sm.Trainer(net, optimizer=optimizer or sm.Adam(lr=0.01), policy=sm.SET(zeta=sm.LinearDecrease(0.4, 0.1)), callbacks=callbacks)


def bits(trainer):
    """Everything that a run leaves behind, but for the times."""
    found = {}
    for k, layer in enumerate(trainer.network.layers):
        w = layer.weights
        arrays = {"data": w.data, "state": w.state, "bias": layer.bias, "bias_state": layer.bias_state}
        if not w.is_dense:
            arrays |= {"indptr": w.indptr, "indices": w.indices}
        found |= {f"{name} of layer {k}": a.copy() for name, a in arrays.items()}
    for record in trainer.history.records:
        for name, value in record.items():
            if not name.endswith("seconds"):
                found[f"{name} of epoch {record['epoch']}"] = value
    return found


def assert_same_bits(a, b):
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert_array_equal(value, b[name], err_msg=name, strict=isinstance(value, np.ndarray))


def run(X=None, y=None, *, seed=0, epochs=3, batch_size=8, **settings):
    if X is None:
        X, y = data()
    trainer = trainer_of(make(seed, **settings))
    trainer.fit(X, y, epochs, batch_size, validation_data=data(8, seed=1))
    return bits(trainer)


# ---- runs
def test_one_seed_one_run():
    assert_same_bits(run(), run())


def test_other_seeds_other_runs():
    first, second = run(seed=0), run(seed=1)
    for name in ("indices of layer 0", "data of layer 2", "loss of epoch 0"):
        assert not np.array_equal(first[name], second[name])


def test_a_seed_decides_each_thing_that_is_drawn():
    """Two nets with the same connections and weights but other seeds still differ in order, dropout and topology changes."""
    X, y = data()
    runs = []
    for seed in (0, 1):
        net = make(seed=0)
        net.seed = seed
        trainer = trainer_of(net)
        trainer.fit(X, y, 2, 8)
        runs.append(bits(trainer))
    assert not np.array_equal(runs[0]["loss of epoch 0"], runs[1]["loss of epoch 0"])
    assert not np.array_equal(runs[0]["indices of layer 0"], runs[1]["indices of layer 0"])


def test_dropout_follows_the_seed():
    X, y = data(8)
    losses = []
    for seed in (0, 1):
        net = make(seed=0)
        net.seed = seed
        losses.append(sm.Trainer(net).gradients(X, y)[0])
    assert losses[0] != losses[1]


def test_evaluation_and_predictions_change_nothing():
    X, y = data()
    trainer = trainer_of(make())
    watched = trainer_of(make())
    for epochs in (1, 2, 3):
        trainer.fit(X, y, epochs, 8, resume=epochs > 1, validation_data=data(8, seed=1))
        watched.fit(X, y, epochs, 8, resume=epochs > 1, validation_data=data(8, seed=1))
        watched.network.predict(X)
        watched.network.score(X, y)
        watched.gradients(X[:8], y[:8])
    assert_same_bits(bits(trainer), bits(watched))


def test_the_global_generator_is_neither_read_nor_moved():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = run()
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    assert_same_bits(first, run())


# ---- threads
@pytest.mark.parametrize("n", THREADS[1:])
@pytest.mark.parametrize("batch_size", [8, 3])
def test_small_nets_on_more_threads(n, batch_size):
    first = run(batch_size=batch_size)
    sm.set_num_threads(n)
    assert_same_bits(first, run(batch_size=batch_size))


def wide_run(n):
    """Layers of several blocks and many chunks, so that threads wait for each other and take work over."""
    sm.set_num_threads(n)
    X, y = data(64)
    trainer = trainer_of(make(sizes=(20, 3000, 3000, 5), topology=[sm.Uniform(0.3), sm.Uniform(0.008), sm.Uniform(1.0)]))
    trainer.fit(X, y, 2, batch_size=40)
    found = bits(trainer)
    found["predictions"] = trainer.network.predict_proba(X)
    return found


def test_wide_nets_on_any_number_of_threads():
    first = wide_run(THREADS[0])
    for n in THREADS[1:]:
        for _ in range(2):  # who gets which chunk changes from run to run
            assert_same_bits(first, wide_run(n))


@pytest.mark.skipif(len(THREADS) < 2, reason="needs two threads")
def test_number_of_threads_may_change_in_a_run():
    class Change(sm.Callback):
        def on_epoch_end(self, trainer, record):
            sm.set_num_threads(2 - record["epoch"] % 2)

    first = run()
    X, y = data()
    trainer = trainer_of(make(), callbacks=[Change()])
    trainer.fit(X, y, 3, 8, validation_data=data(8, seed=1))
    assert_same_bits(first, bits(trainer))


def test_dense_nets_repeat_themselves():
    """BLAS: for a fixed number of its threads."""
    assert_same_bits(run(topology=sm.Dense()), run(topology=sm.Dense()))


# ---- resuming
class StopAfter(sm.Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, trainer, record):
        if record["epoch"] == self.epoch:
            trainer.stop_training = "enough"


@pytest.mark.parametrize("topology", [sm.ErdosRenyi(density=0.3), sm.Dense()], ids=["sparse", "dense"])
@pytest.mark.parametrize("stop", [0, 2])
def test_resumed_run_equals_the_uninterrupted_one(stop, topology):
    X, y = data()
    optimizer = sm.Adam(lr=sm.LinearDecrease(0.02, 0.001))
    whole, halves = (trainer_of(make(topology=topology), optimizer) for _ in range(2))
    validation = data(8, seed=1)
    whole.fit(X, y, 5, 8, validation_data=validation)
    halves.callbacks = [StopAfter(stop)]
    history = halves.fit(X, y, 5, 8, validation_data=validation)
    assert len(history) == halves.epoch == stop + 1 and history.stopped == "enough"
    halves.callbacks = []
    assert halves.fit(X, y, 5, 8, validation_data=validation, resume=True) is history
    assert history["epoch"] == list(range(5)) and history.stopped is None
    assert_same_bits(bits(whole), bits(halves))


def test_resume_of_a_new_trainer_is_a_fit():
    """So that a script can always say resume=True."""
    X, y = data()
    first, second = trainer_of(make()), trainer_of(make())
    first.fit(X, y, 2, 8)
    second.fit(X, y, 2, 8, resume=True)
    assert_same_bits(bits(first), bits(second))


def test_resume_of_a_finished_run_changes_nothing():
    X, y = data()
    trainer = trainer_of(make())
    trainer.fit(X, y, 2, 8)
    before = bits(trainer)
    trainer.fit(X, y, 2, 8, resume=True)
    assert_same_bits(before, bits(trainer))


# ---- however the data are stored
def routes(X):
    """X in many forms; the first is what the others must equal."""
    F = np.asfortranarray(X)
    wide = np.zeros((2 * len(X), 3 * X.shape[1]), X.dtype)
    wide[::2, ::3] = X
    backwards = X[::-1].copy()[::-1]
    locked = X.copy()
    locked.flags.writeable = False
    odd = np.zeros(X.nbytes + 1, np.uint8)[1:].view(X.dtype).reshape(X.shape)
    odd[...] = X
    return {
        "C order": X,
        "F order": F,
        "strided": wide[::2, ::3],
        "reversed": backwards,
        "read-only": locked,
        "unaligned": odd,
        "big-endian": X.astype(X.dtype.newbyteorder(">")),
        "list": X.tolist(),
        "csr": sp.csr_array(X),
        "csc": sp.csc_array(X),
        "coo": sp.coo_array(X),
        "csr matrix": sp.csr_matrix(X),
        "csr with int64 indices": wide_indices(X),
    }


def wide_indices(X):
    csr = sp.csr_array(X)
    csr.indices, csr.indptr = csr.indices.astype(np.int64), csr.indptr.astype(np.int64)
    return csr


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_layout_changes_no_bit(dtype):
    X, y = data(20)
    X = (X / 7).astype(dtype).astype(np.float32).astype(dtype)  # no rounding on the way to float32
    first = run(X, y)
    for name, other in routes(X).items():
        again = run(other, y)
        for key, value in first.items():
            assert_array_equal(value, again[key], err_msg=f"{key}, X as {name}")


@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float64", "longdouble", ">i4", "bool", "int8"]
)
def test_dtype_of_the_same_numbers_changes_no_bit(dtype):
    """Dense and sparse: what is stored as small integers trains as the same numbers in float32."""
    X, _ = data(8)
    X = X % 2 if dtype == "bool" else X % 100
    net = make()
    want = net.predict_proba(X.astype(np.float32))
    assert_array_equal(net.predict_proba(X.astype(dtype)), want)
    if dtype not in ("float16", ">i4"):  # which scipy.sparse does not take
        assert_array_equal(net.predict_proba(sp.csr_array(X.astype(dtype))), want)


def test_batches_of_sparse_rows_may_be_empty_or_hold_entries_twice():
    X, _ = data(8)
    X[3] = 0
    twice = sp.csr_array(X, dtype=np.float32)
    half = twice.copy()
    half.data /= 2
    doubled = sp.coo_array((np.r_[half.data, half.data], (np.tile(twice.tocoo().row, 2), np.tile(twice.tocoo().col, 2))), twice.shape)
    net = make()
    assert_array_equal(net.predict_proba(twice), net.predict_proba(X))
    assert_array_equal(net.predict_proba(doubled), net.predict_proba(X))


FORMS = {
    "list": lambda y: y.tolist(),
    "uint8": lambda y: y.astype(np.uint8),
    "float": lambda y: y.astype(float),
    "column": lambda y: y[:, None],
    "one-hot": lambda y: np.eye(5)[y],
    "boolean one-hot": lambda y: np.eye(5, dtype=bool)[y],
    "sparse one-hot": lambda y: sp.csr_array(np.eye(5)[y]),
}


@pytest.mark.parametrize("form", FORMS)
def test_form_of_the_labels_changes_no_bit(form):
    X, y = data(20)
    assert_same_bits(run(X, y), run(X, FORMS[form](y)))
