"""Callbacks: when they are called, and what each of those we ship does."""

import csv
import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import sparsemlp as sm
from sparsemlp.files import write_json, write_text


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny nets: several threads would only wait for each other. The bits are the same (test_determinism.py)."""
    sm.set_num_threads(1)
    yield
    sm.set_num_threads(None)


RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((20, 6)), RNG.integers(0, 4, 20)


def trainer_of(callbacks=(), lr=0.01, **settings):
    net = sm.MLP([6, 10, 8, 4], topology=sm.Uniform(0.5), seed=2)
    return sm.Trainer(net, optimizer=sm.Adam(lr=lr), callbacks=callbacks, **settings)


class Say(sm.Callback):
    """Writes down each occasion, and sets values of the records from a script."""

    def __init__(self, script=None, name="val_loss"):
        self.script, self.name, self.calls = script, name, []

    def on_fit_begin(self, trainer):
        self.calls.append("fit begins")

    def on_epoch_begin(self, trainer, epoch):
        self.calls.append(f"epoch {epoch} begins")

    def on_epoch_end(self, trainer, record):
        assert record is trainer.history.last and trainer.epoch == record["epoch"] + 1
        self.calls.append(f"epoch {record['epoch']} ends")
        if self.script is not None:
            record[self.name] = self.script[record["epoch"]]

    def on_fit_end(self, trainer):
        self.calls.append("fit ends")


# ---- occasions
def test_occasions_in_order():
    say = Say()
    trainer_of([say]).fit(X, Y, 2, 8)
    assert say.calls == ["fit begins", "epoch 0 begins", "epoch 0 ends", "epoch 1 begins", "epoch 1 ends", "fit ends"]


def test_callbacks_are_called_in_their_order():
    said = []

    class Named(sm.Callback):
        def __init__(self, name):
            self.name = name

        def on_epoch_end(self, trainer, record):
            said.append(self.name)

    trainer_of([Named("first"), Named("second")]).fit(X, Y, 2, 8)
    assert said == ["first", "second"] * 2


def test_epoch_begins_before_its_topology_change():
    """What is evaluated or saved at an epoch's end never holds connections that were not trained yet."""
    seen = []

    class See(sm.Callback):
        def on_epoch_begin(self, trainer, epoch):
            seen.append(trainer.network.layers[0].weights.indices.copy())

        def on_epoch_end(self, trainer, record):
            seen.append(trainer.network.layers[0].weights.indices.copy())

    trainer_of([See()], policy=sm.SET(zeta=0.5)).fit(X, Y, 3, 8)
    for epoch in (0, 1):
        assert_array_equal(seen[2 * epoch + 1], seen[2 * epoch + 2])  # nothing between an epoch's end and the next begin
    assert not np.array_equal(seen[2], seen[3])


def test_the_base_class_does_nothing():
    plain, watched = trainer_of(), trainer_of([sm.Callback()])
    assert plain.fit(X, Y, 2, 8)["loss"] == watched.fit(X, Y, 2, 8)["loss"]


# ---- EarlyStopping
@pytest.mark.parametrize(
    ("values", "settings", "epochs"),
    [
        ([5, 4, 3, 2, 1, 0], {"patience": 1}, 6),
        ([5, 5, 4, 3, 2, 1], {"patience": 1}, 2),
        ([5, 4, 4, 4, 3, 2], {"patience": 2}, 4),
        ([5, 4, 6, 3.9, 6, 3.8], {"patience": 2}, 6),
        ([5, 4.9, 4.8, 4.7, 4.6, 4.5], {"patience": 2, "min_delta": 0.25}, 3),
        ([5, 4.9, 4.7, 4.6, 4.4, 4.3], {"patience": 2, "min_delta": 0.25}, 6),
        ([1, 2, 3, 4, 5, 6], {"patience": 2, "mode": "max"}, 6),
        ([1, 2, 3, 4, 5, 6], {"patience": 2, "mode": "min"}, 3),
    ],
)
def test_early_stopping(values, settings, epochs):
    trainer = trainer_of([Say(values), sm.EarlyStopping("val_loss", **settings)])
    history = trainer.fit(X, Y, 6, 8)
    assert len(history) == epochs
    if epochs < 6:
        assert history.stopped == f"val_loss did not improve for {settings['patience']} epochs"
    else:
        assert history.stopped is None


def test_early_stopping_of_accuracies_wants_more():
    trainer = trainer_of([Say([0.1, 0.2, 0.3, 0.3, 0.3, 0.9], "val_accuracy"), sm.EarlyStopping("val_accuracy", patience=2)])
    assert len(trainer.fit(X, Y, 6, 8)) == 5


def test_early_stopping_counts_from_new_in_each_run_but_not_when_resumed():
    values = [1, 2, 2, 2, 2, 2]
    stopping = sm.EarlyStopping("val_loss", patience=3)
    trainer = trainer_of([Say(values), stopping])
    assert len(trainer.fit(X, Y, 6, 8)) == len(trainer.fit(X, Y, 6, 8)) == 4
    trainer.fit(X, Y, 2, 8)
    stopping.best, stopping.waited = 7, 7  # what a new callback, made after loading a checkpoint, does not know
    assert len(trainer.fit(X, Y, 6, 8, resume=True)) == 4


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: sm.EarlyStopping(patience=0), ValueError, r"EarlyStopping\.patience must be a whole number at least 1; got 0"),
        (lambda: sm.EarlyStopping(patience=1.5), TypeError, r"EarlyStopping\.patience must be a whole number; got 1\.5"),
        (lambda: sm.EarlyStopping(min_delta=-1), ValueError, r"EarlyStopping\.min_delta must be in \[0, .*got -1"),
        (lambda: sm.EarlyStopping(mode="best"), ValueError, r"mode must be one of 'auto', 'max', 'min'; got 'best'"),
        (lambda: sm.BestWeights(mode="best"), ValueError, r"mode must be one of 'auto', 'max', 'min'; got 'best'"),
        (lambda: sm.LearningRateSchedule(-0.1), ValueError, r"got -0\.1"),
        (lambda: sm.LearningRateSchedule("slow"), TypeError, r"must be a real number; got 'slow'"),
    ],
)
def test_wrong_settings(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("callback", [sm.EarlyStopping("val_loss"), sm.BestWeights("val_loss")], ids=["EarlyStopping", "BestWeights"])
def test_a_monitor_that_is_not_there(callback):
    name = type(callback).__name__
    with pytest.raises(ValueError, match=rf"{name}\.monitor must be in the history; got 'val_loss', .*Give fit\(validation_data="):
        trainer_of([callback]).fit(X, Y, 1, 8)
    callback.monitor = "los"
    with pytest.raises(ValueError, match=r"got 'los', this run will have .*\bloss\b"):
        trainer_of([callback]).fit(X, Y, 1, 8)


# ---- BestWeights
class Snapshots(sm.Callback):
    def on_fit_begin(self, trainer):
        self.taken = []

    def on_epoch_end(self, trainer, record):
        layers = trainer.network.layers
        self.taken.append([a.copy() for x in layers for a in (x.weights.indices, x.weights.data, x.weights.state, x.bias, x.bias_state)])


def test_best_weights_come_back_with_topology_and_state():
    best, snapshots = sm.BestWeights("val_loss"), Snapshots()
    trainer = trainer_of([Say([5, 4, 1, 3, 1, 6]), snapshots, best], policy=sm.SET(zeta=0.4))
    trainer.fit(X, Y, 6, 8)
    assert best.epoch == 2  # the first of equals
    net = trainer.network
    found = [a for x in net.layers for a in (x.weights.indices, x.weights.data, x.weights.state, x.bias, x.bias_state)]
    for a, b in zip(found, snapshots.taken[2], strict=True):
        assert_array_equal(a, b)
    net.check()
    before = net.predict_proba(X)
    assert_array_equal(net.predict_proba(X), before)
    trainer.callbacks = []
    trainer.fit(X, Y, 1, 8)  # the network trains on
    assert not np.array_equal(net.predict_proba(X), before)


def test_best_weights_of_an_interrupted_run():
    class Interrupt(sm.Callback):
        def on_epoch_end(self, trainer, record):
            if record["epoch"] == 3:
                raise KeyboardInterrupt

    snapshots = Snapshots()
    trainer = trainer_of([Say([5, 1, 4, 3]), snapshots, sm.BestWeights("val_loss"), Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, 9, 8)
    assert_array_equal(trainer.network.layers[0].weights.data, snapshots.taken[1][1])


def test_best_weights_of_a_resumed_run():
    best, snapshots = sm.BestWeights("val_loss"), Snapshots()
    trainer = trainer_of([Say([5, 1, 4, 2, 3]), snapshots, best])
    trainer.fit(X, Y, 3, 8)
    first = snapshots.taken[1]
    trainer.fit(X, Y, 5, 8, resume=True)  # which finds nothing better
    assert best.epoch == 1
    assert_array_equal(trainer.network.layers[0].weights.data, first[1])
    trainer.fit(X, Y, 1, 8)
    assert best.epoch == 0


def test_best_weights_of_accuracies():
    best = sm.BestWeights()
    trainer_of([Say([0.1, 0.9, 0.5], "val_accuracy"), best]).fit(X, Y, 3, 8)
    assert best.epoch == 1


# ---- logs
def test_csv_log(tmp_path):
    path = tmp_path / "log.csv"
    read = []

    class Read(sm.Callback):
        def on_epoch_end(self, trainer, record):
            with path.open(newline="", encoding="utf-8") as file:
                read.append(list(csv.DictReader(file)))

    trainer = trainer_of([sm.CSVLog(path), Read()])
    history = trainer.fit(X, Y, 3, 8, validation_data=(X, Y))
    assert [len(rows) for rows in read] == [1, 2, 3]  # each epoch at once
    for name in ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr", "seconds", "bytes"):
        assert [float(row[name]) for row in read[-1]] == [float(v) for v in history[name]]
    assert "connections" not in read[-1][0]  # lists have no place in a row


def test_csv_log_starts_anew_and_goes_on_when_resumed(tmp_path):
    path = tmp_path / "log.csv"
    trainer = trainer_of([sm.CSVLog(str(path))])
    trainer.fit(X, Y, 3, 8)
    trainer.fit(X, Y, 2, 8)
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["epoch", "0", "1"]
    trainer.callbacks = [sm.CSVLog(path)]
    trainer.fit(X, Y, 4, 8, resume=True)
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["epoch", "0", "1", "2", "3"]


def test_json_log(tmp_path):
    path = tmp_path / "log.json"
    trainer = trainer_of([sm.JSONLog(path)], policy=sm.SET(zeta=0.3))
    history = trainer.fit(X, Y, 3, 8, validation_data=(X, Y))
    assert json.loads(path.read_text()) == {"stopped": None, "epochs": history.records}
    assert [p.name for p in tmp_path.iterdir()] == ["log.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "log.json"
    write_json(path, {"a": 1})
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["log.json"]


def test_a_log_that_cannot_be_written_says_so(tmp_path):
    for log in (sm.CSVLog(tmp_path / "no" / "log.csv"), sm.JSONLog(tmp_path / "no" / "log.json")):
        with pytest.raises(FileNotFoundError, match="log"):
            trainer_of([log]).fit(X, Y, 1, 8)


# ---- LearningRateSchedule
def test_learning_rate_schedule():
    schedule = sm.LinearDecrease(0.1, 0.01)
    trainer = trainer_of([sm.LearningRateSchedule(schedule)])
    history = trainer.fit(X, Y, 3, 8)
    assert history["lr"] == [schedule(epoch, 3) for epoch in range(3)]


def test_learning_rate_schedule_trains_with_what_it_says():
    by_callback = trainer_of([sm.LearningRateSchedule(lambda epoch, n: 0.1 / (1 + epoch))])
    by_hand = trainer_of()
    by_callback.fit(X[:8], Y[:8], 3, 8, shuffle=False)
    for epoch in range(3):
        by_hand.lr = 0.1 / (1 + epoch)
        by_hand.train_step(X[:8], Y[:8])
    assert_array_equal(by_callback.network.layers[0].weights.data, by_hand.network.layers[0].weights.data)


def test_a_schedule_that_turns_negative():
    with pytest.raises(ValueError, match=r"learning rate must be in \[0, .*got -0\.5"):
        trainer_of([sm.LearningRateSchedule(lambda epoch, n: 0.5 - epoch)]).fit(X, Y, 3, 8)
