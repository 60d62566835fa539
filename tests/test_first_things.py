"""What is known before the first step is said before it; what a run depends on is checked when it is resumed."""

import numpy as np
import pytest
import scipy.sparse as sp

import sparsemlp as sm
from sparsemlp.policies.select import largest_magnitude, smallest_by_sign, smallest_magnitude


def data(n=200, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 10))
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


def net(**options):
    return sm.MLP([10, 20, 2], **{"density": 0.5, "seed": 0, **options})


# ---- before the first step ----
@pytest.mark.parametrize(
    "make, options",
    [
        (lambda folder: sm.EarlyStopping("val_loss"), {}),
        (lambda folder: sm.BestWeights("val_acc"), {}),
        (lambda folder: sm.Checkpoint(folder / "none" / "run.sm"), {}),
        (lambda folder: sm.CSVLog(folder / "none" / "a.csv"), {}),
        (lambda folder: sm.JSONLog(folder / "none" / "a.json"), {}),
        (lambda folder: sm.Checkpoint(folder / "l.sm"), {"optimizer": sm.SGD(lr=lambda epoch, n: 0.01)}),
    ],
    ids=["early stopping", "best weights", "checkpoint", "csv", "json", "schedule"],
)
def test_errors_come_before_the_first_step(tmp_path, make, options):
    X, y = data()
    trainer = sm.Trainer(net(), callbacks=[make(tmp_path)], **options)
    with pytest.raises((ValueError, OSError)):
        trainer.fit(X, y, epochs=2)
    assert trainer.step == 0


@pytest.mark.parametrize("policy", [sm.SET(0.3), sm.RigL(every=2)], ids=["SET", "RigL"])
def test_a_policy_without_effect(policy):
    X, y = data()
    with pytest.warns(sm.PolicyWarning, match="every layer of this network is full"):
        sm.Trainer(sm.MLP([10, 20, 2], seed=0), policy=policy).fit(X, y, epochs=1)


@pytest.mark.parametrize("policy", [sm.OneTimePruning(0.999, after=2), sm.FSA(keep=1e-4)], ids=["one-time", "FSA"])
def test_outputs_that_a_pruning_cuts_off(policy):
    X, y = data()
    with pytest.warns(sm.ConnectivityWarning, match="outputs that no input reaches"):
        sm.Trainer(sm.MLP([10, 50, 50, 2], seed=0), sm.Adam(lr=0.01), policy=policy).fit(X, y, 6, 20)


def test_what_gives_batches_is_no_array():
    X, y = data()
    for what in ((X[i : i + 10] for i in range(0, 200, 10)), {1: 2}.keys()):
        with pytest.raises(TypeError, match="train_step"):
            sm.Trainer(net()).fit(what, y, epochs=1)
    with pytest.raises(TypeError, match="tuple of 3"):
        sm.Trainer(net()).fit(X, y, 1, validation_data=(X, y, y))


# ---- numbers ----
def test_numbers_that_are_infinite_in_float32():
    X, y = data()
    network = net()
    sm.Trainer(network).fit(X, y, epochs=1)
    bad = X[:3].copy()
    bad[1, 0] = 1e39
    for call in (
        network.predict,
        network.predict_proba,
        lambda rows: network.score(rows, y[:3]),
        lambda rows: network.evaluate(rows, y[:3]),
    ):
        with pytest.raises(ValueError, match="finite in float32; it holds 1e.39 in row 1"):
            call(bad)
    assert np.isfinite(sm.MLP([10, 20, 2], dtype="float64", seed=0).predict_proba(bad)).all()
    with pytest.raises(ValueError, match="y must be finite in float32"):
        sm.Trainer(net(output="identity")).fit(X, 1e200 * np.c_[y, y], epochs=1)


@pytest.mark.parametrize(
    "output, call", [("softmax", "predict"), ("softmax", "predict_proba"), ("softmax", "score"), ("identity", "predict")]
)
def test_nan_never_becomes_a_class(output, call):
    X, y = data()
    network = net(output=output)
    network.layers[0].weights.data[0] = np.nan
    arguments = (X, y) if call == "score" else (X,)
    with pytest.raises(sm.NonFiniteError, match="layer 0 holds such numbers"):
        getattr(network, call)(*arguments)
    network.layers[0].weights.data[0] = 3e38
    with pytest.raises(sm.NonFiniteError, match="row"):
        getattr(network, call)(1e10 * X, *arguments[1:])


# ---- dtypes ----
@pytest.mark.parametrize("name", ["data", "indices", "indptr"])
def test_csr_matrices_of_foreign_byte_order(name):
    X, _ = data()
    X = X.astype(np.float32) * (np.random.default_rng(1).random(X.shape) < 0.5)
    network, matrix = net(), sp.csr_array(X)
    array = getattr(matrix, name)
    setattr(matrix, name, array.astype(array.dtype.newbyteorder(">" if array.dtype.isnative else "=")))
    np.testing.assert_array_equal(network.predict_proba(matrix), network.predict_proba(X))


@pytest.mark.parametrize("dtype", ["int32", "uint8", ">f4", ">f8", "float16", "longdouble", "int64"])
def test_selection_of_any_dtype(dtype):
    values = np.array([3, 1, 0, 2, 5, 4]).astype(dtype)
    assert smallest_magnitude(values, 3).tolist() == [1, 2, 3]
    assert largest_magnitude(values, 2).tolist() == [4, 5]
    assert smallest_by_sign(values, 0.5).tolist() == [1, 2, 3]
    with pytest.raises(TypeError, match="real numbers"):
        smallest_magnitude(np.array(["a", "b"]), 1)


def test_object_arrays_of_numbers_are_numbers():
    X, y = data()
    network = net()
    np.testing.assert_array_equal(network.predict(X.astype(object)), network.predict(X))
    with pytest.raises(TypeError, match="real numbers"):
        network.predict(np.full((2, 10), "a", object))
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X[:20]).convert_dtypes()
    np.testing.assert_array_equal(network.predict(frame), network.predict(X[:20]))


# ---- weights of samples ----
@pytest.mark.parametrize("weight_by", ["batch", "data"])
def test_the_loss_of_an_epoch_is_that_of_evaluate(weight_by):
    X, y = data()
    for w in (np.r_[np.zeros(150), np.ones(50)], np.r_[np.full(100, 0.001), np.ones(100)]):
        for options in ({}, {"accumulate": 2}):
            trainer = sm.Trainer(net(), sm.SGD(lr=1e-9), weight_by=weight_by, **options)
            found = trainer.fit(X, y, epochs=1, batch_size=10, shuffle=False, sample_weight=w).last["loss"]
            assert found == pytest.approx(trainer.network.evaluate(X, y, sample_weight=w)["loss"], rel=1e-5)


def test_weights_by_the_data_mean_the_same_for_every_batch_size():
    """A constant feature and weights that balance the classes: a net that obeys them predicts one half."""
    n = 1000
    X, y = np.ones((n, 2)), (np.arange(n) % 100 == 0).astype(int)
    w = np.where(y == 1, 50.0, 0.505)
    found = {}
    for batch in (4, 32, n):
        trainer = sm.Trainer(sm.MLP([2, 4, 2], seed=0), sm.SGD(lr=0.005 * min(batch, 32)), weight_by="data")
        trainer.fit(X, y, epochs=60 if batch < n else 400, batch_size=batch, sample_weight=w)
        found[batch] = trainer.network.predict_proba(X[:1])[0, 1]
    assert all(0.35 < p < 0.65 for p in found.values()), found


# ---- runs that are resumed ----
def test_a_run_is_resumed_with_the_same_data_and_batches(tmp_path):
    X, y = data()
    trainer = sm.Trainer(net())
    trainer.fit(X, y, epochs=1, batch_size=20)
    sm.save(tmp_path / "run.sm", trainer)
    other = X.copy()
    other[0] += 1
    for change, words in (
        ({"batch_size": 30}, "same batch_size"),
        ({"shuffle": False}, "same shuffle"),
        ({"X": other}, "same X, y"),
        ({"X": X[:150], "y": y[:150]}, "as many samples"),
        ({"sample_weight": np.ones(200)}, "same X, y and sample_weight"),
    ):
        again = sm.load(tmp_path / "run.sm")
        how = {"X": X, "y": y, "batch_size": 20, **change}
        with pytest.raises(ValueError, match=words):
            again.fit(epochs=2, resume=True, **how)
        again.fit(epochs=2, **how)  # a new run may
    again = sm.load(tmp_path / "run.sm")
    assert len(again.fit(X, y, epochs=2, batch_size=20, resume=True)) == 2


def test_early_stopping_may_be_added():
    X, y = data()
    trainer = sm.Trainer(net())
    trainer.fit(X, y, epochs=2)
    trainer.callbacks = [sm.EarlyStopping("val_loss")]
    assert len(trainer.fit(X, y, epochs=4, validation_data=(X, y), resume=True)) == 4


def test_a_policy_that_replaces_another_is_started(tmp_path):
    X, y = data()
    trainer = sm.Trainer(sm.MLP([10, 50, 2], seed=0), policy=sm.Static())
    trainer.fit(X, y, epochs=1)
    trainer.policy = sm.ThresholdPruning(0.3)
    trainer.fit(X, y, epochs=3, resume=True)
    sm.save(tmp_path / "run.sm", trainer)
    again = sm.load(tmp_path / "run.sm")
    for t in (trainer, again):
        t.fit(X, y, epochs=5, resume=True)
    assert trainer.history["loss"] == again.history["loss"]


@pytest.mark.filterwarnings("ignore:The topology changes")
def test_best_weights_do_not_undo_a_pruning():
    X, y = data()
    network = sm.MLP([10, 50, 2], seed=0)
    best = sm.BestWeights()
    policy = sm.OneTimePruning(0.95, after=10)
    sm.Trainer(network, sm.Adam(lr=0.01), policy=policy, callbacks=[best]).fit(X[:100], y[:100], 20, 20, (X[100:], y[100:]))
    assert network.density < 0.1 and best.epoch >= 10


def test_best_weights_survive_a_kill(tmp_path):
    """A run that is killed after its best epoch and resumed from the checkpoint ends with the network of the whole run."""
    X, y = data(60)
    V = data(300, seed=1)

    class Kill(sm.Callback):
        def on_epoch_end(self, trainer, record):
            if trainer.epoch == 12:
                raise KeyboardInterrupt

    def make(*callbacks):
        return sm.Trainer(sm.MLP([10, 60, 2], density=0.6, seed=1), sm.Adam(lr=0.03), policy=sm.SET(), callbacks=callbacks)

    how = {"epochs": 16, "batch_size": 20, "validation_data": V}
    whole = make(sm.BestWeights("val_loss"))
    whole.fit(X, y, **how)
    killed = make(sm.BestWeights("val_loss"), sm.Checkpoint(tmp_path / "run.sm"), Kill())
    with pytest.raises(KeyboardInterrupt):
        killed.fit(X, y, **how)
    again = sm.load(tmp_path / "run.sm")
    again.callbacks = [sm.BestWeights("val_loss")]
    again.fit(X, y, resume=True, **how)
    assert again.callbacks[0].epoch == whole.callbacks[0].epoch < 12
    for a, b in zip(whole.network.layers, again.network.layers, strict=True):
        np.testing.assert_array_equal(a.weights.data, b.weights.data)
    late = sm.load(tmp_path / "run.sm")
    late.kept = {}
    late.callbacks = [sm.BestWeights("val_loss")]
    with pytest.warns(UserWarning, match="its weights are gone"):
        late.fit(X, y, resume=True, **how)


# ---- saving ----
@pytest.mark.parametrize(
    "harm, words",
    [
        (lambda t: t.network.layers[0].weights.data.__setitem__(0, np.inf), "layer 0 holds NaN or infinity"),
        (lambda t: t.network.layers[1].bias_state.__setitem__((0, 0), np.nan), "layer 1 holds NaN or infinity"),
        (lambda t: setattr(t, "epoch", -1), "trainer.epoch must be from 0"),
        (lambda t: t.network.layers[0].allocate_state(3), "rows of optimizer state"),
        (lambda t: setattr(t.history, "records", [1]), "list of records"),
        (lambda t: t.evolution.states.append(None), "3 states and the network 2 layers"),
    ],
    ids=["weight", "state", "counter", "rows", "history", "policy"],
)
def test_what_load_would_refuse_is_not_saved(tmp_path, harm, words):
    X, y = data()
    trainer = sm.Trainer(net(), policy=sm.SET(0.3))
    trainer.fit(X, y, epochs=1)
    sm.save(tmp_path / "run.sm", trainer)
    before = (tmp_path / "run.sm").read_bytes()
    harm(trainer)
    with pytest.raises(sm.CheckpointError, match=words):
        sm.save(tmp_path / "run.sm", trainer)
    assert (tmp_path / "run.sm").read_bytes() == before


def test_nothing_is_saved_or_trained_in_the_middle_of_a_step(tmp_path):
    """What a signal handler in the training thread would do."""
    X, y = data()
    trainer, seen = sm.Trainer(net()), []
    run = trainer.stepper.forward

    def handled(batch):
        for call in (lambda: sm.save(tmp_path / "run.sm", trainer), lambda: trainer.train_step(X, y)):
            with pytest.raises(RuntimeError, match="between two steps"):
                call()
            seen.append(1)
        return run(batch)

    trainer.stepper.forward = handled
    trainer.train_step(X, y)
    del trainer.stepper.forward
    assert len(seen) == 2 and not (tmp_path / "run.sm").exists()
    sm.save(tmp_path / "run.sm", trainer)


def test_labels_are_copied_before_they_are_checked():
    X, y = data()
    trainer = sm.Trainer(net())
    run = trainer.stepper.train

    def refilled(batch, lr, store=None):
        y[:] = 2**40  # a loader that refills its buffer
        return run(batch, lr, store)

    trainer.stepper.train = refilled
    assert np.isfinite(trainer.train_step(X, y))
