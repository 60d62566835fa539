"""Checkpoints: what is saved comes back bit for bit, a resumed run is the uninterrupted one, and a bad file is a clear error."""

import copy
import errno
import io
import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings
import zipfile
from dataclasses import dataclass

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp import files as atomic

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench" / "reliability"))
import common  # noqa: E402
import mutate  # noqa: E402

POLICIES, OPTIMIZERS, TOPOLOGIES = common.policies(), common.optimizers(), common.topologies()


def make(policy="SET", optimizer="Adam", topology="sparse", **more):
    net = sm.MLP([12, 20, 16, 4], TOPOLOGIES[topology], dropout=0.25, input_dropout=0.1, seed=3, **more)
    return sm.Trainer(net, OPTIMIZERS[optimizer], policy=POLICIES[policy])


def fit(trainer, epochs, **more):
    X, y = common.data()
    return trainer.fit(X, y, epochs, batch_size=20, validation_data=(X[:20], y[:20]), **more)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sm"


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    path = tmp_path_factory.mktemp("raw") / "x.sm"
    trainer = make(optimizer="momentum", topology="mixed")
    fit(trainer, 2)
    sm.save(path, trainer)
    return path.read_bytes()


# ---- what comes back ----
CASES = {(policy, "momentum", topology) for policy in POLICIES for topology in ("sparse", "mixed")}
CASES |= {("SET", optimizer, topology) for optimizer in OPTIMIZERS for topology in TOPOLOGIES}


@pytest.mark.parametrize(("policy", "optimizer", "topology"), sorted(CASES))
def test_resume_is_the_uninterrupted_run(path, policy, optimizer, topology):
    whole = make(policy, optimizer, topology)
    fit(whole, 4)
    first = make(policy, optimizer, topology)
    first.callbacks.append(StopAfter(2))
    fit(first, 4)
    sm.save(path, first)
    second = sm.load(path)
    fit(second, 4, resume=True)
    second.network.check()
    assert common.state(second.network) == common.state(whole.network)
    assert second.history["loss"] == whole.history["loss"]
    assert (second.step, second.epoch) == (whole.step, whole.epoch)


class StopAfter(sm.Callback):
    def __init__(self, epochs):
        self.epochs = epochs

    def on_epoch_end(self, trainer, record):
        if trainer.epoch == self.epochs:
            trainer.stop_training = "enough"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_trainer_comes_back(path, dtype):
    trainer = make("SET", "AdamW", "mixed", dtype=dtype, activation="leaky_relu", slope=0.2, initializer=sm.Normal(0.1))
    fit(trainer, 2)
    sm.save(path, trainer)
    again = sm.load(path)
    assert type(again) is sm.Trainer and type(again.network) is sm.MLP
    assert common.state(again.network) == common.state(trainer.network)
    for name in ("optimizer", "policy", "loss", "lr", "step", "epoch", "n_epochs", "n_fits", "policy_states"):
        assert getattr(again, name) == getattr(trainer, name), name
    assert again.history.records == trainer.history.records
    for a, b in zip(again.network.layers, trainer.network.layers, strict=True):
        assert (a.activation, a.slope, a.dropout, a.initializer) == (b.activation, b.slope, b.dropout, b.initializer)
        assert a.weights.dtype == dtype and a.weights.is_dense == b.weights.is_dense
    net, old = again.network, trainer.network
    assert (net.output, net.seed, net.input_dropout.dropout, net.initializer) == (old.output, old.seed, 0.1, sm.Normal(0.1))
    X, _ = common.data(1)
    assert np.array_equal(net.predict_proba(X), old.predict_proba(X))


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["ant", "bee", "cow", "dög"]),
        np.array(["ant", "bee", "cow", "dög"], object),
        np.array([-5, 2, 7, 10**12]),
        np.array([0, 1, 2, 3], np.uint8),
        np.array([b"a", b"b", b"c", b"d"]),
    ],
)
def test_classes_come_back(path, labels):
    X, y = common.data()
    trainer = make()
    trainer.fit(X, labels[y], epochs=1)
    sm.save(path, trainer.network)
    net = sm.load(path)
    assert net.classes.dtype == trainer.network.classes.dtype
    assert net.predict(X).tolist() == trainer.network.predict(X).tolist()


def test_untrained_and_odd_networks(path):
    for net in (
        sm.MLP([1, 2]),
        sm.MLP([3, 1], output="sigmoid", density=1.0),
        sm.MLP([5, 4, 2], output="identity", density=0.3),
        sm.Network(sm.MLP([4, 2], density=0.5).layers, seed=10**30),
    ):
        sm.save(path, net)
        again = sm.load(path)
        assert type(again) is type(net) and again.seed == net.seed and common.state(again) == common.state(net)


def test_same_content_same_bytes(tmp_path):
    for name in "ab":
        sm.save(tmp_path / name, make().network)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_numpy_opens_the_file(path):
    net = make().network
    sm.save(path, net)
    with zipfile.ZipFile(path) as archive:
        content = json.loads(archive.read("sparsemlp.json"))["content"]
    with np.load(path, allow_pickle=False) as arrays:
        data = arrays[f"arrays/{content['network']['layers'][0]['fields']['data']['array']}"]
    assert np.array_equal(data, net.layers[0].weights.data)


# ---- settings of the user's own ----
@dataclass(frozen=True)
class Wobble(sm.Policy):
    """Keeps arrays, NumPy numbers and nested containers as its state."""

    mask: object = None
    rate: object = 0.1

    def start(self, view, rng):
        return {"n": 0, "ema": np.zeros(view.n_connections), "x": np.float32(0.1), "pair": (1, [2.5, None, "é"]), "flag": np.bool_(True)}

    def between_epochs(self, view, state, progress, rng):
        return None, {**state, "n": state["n"] + 1, "ema": state["ema"] + rng.random(view.n_connections)}


def test_a_policy_of_ones_own(path):
    policy = Wobble(np.eye(2), sm.Constant(0.5))
    trainer = sm.Trainer(make().network, policy=policy)
    fit(trainer, 3)
    sm.save(path, trainer)
    with pytest.raises(sm.CheckpointError, match=r"Wobble.*custom=\[Wobble\]"):
        sm.load(path)
    again = sm.load(path, custom=[Wobble])
    assert type(again.policy) is Wobble and again.policy.rate == sm.Constant(0.5) and np.array_equal(again.policy.mask, np.eye(2))
    for a, b in zip(again.policy_states, trainer.policy_states, strict=True):
        assert np.array_equal(a["ema"], b["ema"]) and {k: v for k, v in a.items() if k != "ema"} == {
            k: v for k, v in b.items() if k != "ema"
        }
        assert type(a["x"]) is np.float32 and type(a["flag"]) is np.bool_ and a["n"] == 2


class Loose(sm.Policy):
    pass


@pytest.mark.parametrize(
    ("trainer", "words"),
    [
        (lambda: sm.Trainer(make().network, policy=Loose()), r"policy cannot be saved.*frozen dataclass.*custom=\[Loose\]"),
        (lambda: sm.Trainer(make().network, sm.SGD(lr=lambda epoch, n: 0.1)), r"SGD.lr cannot be saved.*frozen dataclass"),
    ],
)
def test_what_cannot_be_saved_says_so(path, trainer, words):
    sm.save(path, make())
    before = path.read_bytes()
    with pytest.raises(sm.CheckpointError, match=words):
        sm.save(path, trainer())
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_only_networks_and_trainers(path):
    class MyNet(sm.MLP):
        pass

    for what in (3, MyNet([2, 2]), None):
        with pytest.raises(TypeError, match="network or a trainer"):
            sm.save(path, what)
    with pytest.raises(TypeError, match="custom must list layers"):
        sm.save(path, make())
        sm.load(path, custom=[Loose])


# ---- the callback ----
def test_callback_replaces_one_file(path):
    trainer = make()
    trainer.callbacks.append(sm.Checkpoint(path, every=2))
    fit(trainer, 5)
    assert sm.load(path).epoch == 5 and os.listdir(path.parent) == [path.name]


def test_callback_keeps_the_newest(tmp_path):
    (tmp_path / "run-0001.sm").write_text("not a checkpoint: stays")
    trainer = make()
    trainer.callbacks.append(sm.Checkpoint(tmp_path / "run-{epoch:04d}.sm", keep=2))
    with pytest.raises(sm.CheckpointError, match="is no checkpoint; it is left as it is"):
        fit(trainer, 5)
    trainer = make()
    trainer.callbacks.append(sm.Checkpoint(tmp_path / "go-{epoch}.sm", every=3, keep=2))
    fit(trainer, 11)
    assert sorted(os.listdir(tmp_path)) == ["go-11.sm", "go-9.sm", "run-0001.sm"]


def test_callback_saves_a_run_that_stops_early(path):
    trainer = make()
    trainer.callbacks += [sm.Checkpoint(path, every=10), StopAfter(3)]
    fit(trainer, 20)
    assert sm.load(path).epoch == 3


@pytest.mark.parametrize("bad", [{"keep": 2}, {"every": 0}, {"path": "{step}"}, {"path": "{epoch}{epoch}"}, {"path": "{"}, {"keep": 0}])
def test_callback_settings(bad):
    with pytest.raises((ValueError, TypeError), match="Checkpoint"):
        sm.Checkpoint(**{"path": "x", **bad})


def test_interrupted_epoch_is_not_in_the_file(path):
    class Interrupt(sm.Callback):
        def on_epoch_begin(self, trainer, epoch):
            if epoch == 2:
                raise KeyboardInterrupt

    whole = make()
    fit(whole, 4)
    trainer = make()
    trainer.callbacks += [sm.Checkpoint(path), Interrupt()]
    with pytest.raises(KeyboardInterrupt):
        fit(trainer, 4)
    trainer.network.check()
    again = sm.load(path)
    fit(again, 4, resume=True)
    assert common.state(again.network) == common.state(whole.network)


# ---- files and folders ----
def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk(path, monkeypatch):
    sm.save(path, make())
    before = path.read_bytes()
    monkeypatch.setattr(atomic.os, "fsync", full_disk)
    with pytest.raises(OSError, match="The disk is full. Nothing was saved. The file that was there is unchanged"):
        sm.save(path, make("Static"))
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_device_is_left_alone():
    with pytest.raises(OSError, match="no ordinary file"):
        sm.save("/dev/full", make())


def test_writes_that_fail_half_way(path, monkeypatch):
    sm.save(path, make())
    before = path.read_bytes()
    write = np.lib.format.write_array
    for error in (OSError(errno.ENOSPC, "x"), KeyboardInterrupt(), MemoryError()):
        left = [5]

        def fail(*args, error=error, left=left, **more):
            left[0] -= 1
            if left[0] == 0:
                raise error
            write(*args, **more)

        monkeypatch.setattr(np.lib.format, "write_array", fail)
        with pytest.raises(type(error)):
            sm.save(path, make())
        assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist; make it first"):
        sm.save(tmp_path / "no" / "x.sm", make())
    with pytest.raises(FileNotFoundError):
        sm.load(tmp_path / "x.sm")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(path):
    sm.save(path, make())
    path.parent.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="Nothing was saved"):
            sm.save(path, make())
    finally:
        path.parent.chmod(0o700)
    sm.load(path)


def test_read_only_folder_or_file(path, monkeypatch):
    sm.save(path, make())
    monkeypatch.setattr(atomic.os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="read-only. Nothing was saved. The file that was there is unchanged"):
        sm.save(path, make())

    def refuse(*_):
        raise PermissionError(errno.EROFS, "Read-only file system")

    monkeypatch.undo()
    monkeypatch.setattr(atomic.os, "open", refuse)
    with pytest.raises(OSError, match="Read-only file system. Nothing was saved"):
        sm.save(path, make())
    assert os.listdir(path.parent) == [path.name]


def test_a_folder_of_that_name(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(IsADirectoryError, match="A folder has this name"):
        sm.save(tmp_path / "x", make())
    with pytest.raises(sm.CheckpointError, match="no ordinary file"):
        sm.load(tmp_path / "x")


def test_another_kind_of_file_is_left_alone(path):
    path.write_text("my thesis")
    with pytest.raises(sm.CheckpointError, match="is no checkpoint; it is left as it is"):
        sm.save(path, make())
    assert path.read_text() == "my thesis"
    path.write_bytes(b"")
    sm.save(path, make())


@pytest.mark.skipif(sys.platform == "win32", reason="needs rights for symbolic links")
def test_links_and_permissions_stay(tmp_path):
    real, link = tmp_path / "real.sm", tmp_path / "link.sm"
    sm.save(real, make())
    real.chmod(0o640)
    link.symlink_to(real)
    sm.save(link, make("Static"))
    assert link.is_symlink() and sm.load(real).policy == sm.Static() and real.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(sm.CheckpointError, match="no ordinary file"):
        sm.load(tmp_path / "pipe")


def test_old_leftovers_go(path):
    old, young, other = (path.with_name(n) for n in (".run.sm.0123456789ab.part", ".run.sm.ba9876543210.part", ".run.sm.x.part"))
    for p in (old, young, other):
        p.write_bytes(b"")
    for p in (old, other):
        os.utime(p, (1, 1))
    sm.Checkpoint(path).on_fit_begin(make())
    assert not old.exists() and young.exists() and other.exists()


def test_saving_while_another_thread_trains(path):
    trainer, stop = make(), threading.Event()

    def train():
        X, y = common.data()
        while not stop.is_set():
            trainer.train_step(X, y)

    thread = threading.Thread(target=train)
    thread.start()
    try:
        for _ in range(20):
            sm.save(path, trainer)
            sm.load(path).network.check()
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_leave_a_whole_checkpoint(path, number):
    code = (
        "import sys; sys.path[:0] = sys.argv[2:4]\n"
        "import common, sparsemlp as sm\n"
        "net = sm.MLP([12, 200, 200, 4], density=0.2)\n"
        "trainer = sm.Trainer(net, sm.Adam(), policy=sm.SET(), callbacks=[sm.Checkpoint(sys.argv[1])])\n"
        "try:\n"
        "    trainer.fit(*common.data(), epochs=10**6)\n"
        "except KeyboardInterrupt:\n"
        "    trainer.network.check(); sm.load(sys.argv[1]).network.check(); print('valid')\n"
    )
    args = [sys.executable, "-c", code, str(path), str(ROOT / "bench" / "reliability"), str(ROOT)]
    process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while not path.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.2)
    try:
        for _ in range(6):  # Python drops an interrupt that arrives while it destroys an object; one presses again
            process.send_signal(number)
            try:
                out, err = process.communicate(timeout=20)
                break
            except subprocess.TimeoutExpired:
                continue
    finally:
        process.kill()
        process.wait()
    assert out.strip() == ("valid" if number == signal.SIGINT else ""), err
    trainer = sm.load(path)
    trainer.network.check()
    assert trainer.epoch >= 1


# ---- hostile files ----
def members(raw):
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def zipped(parts, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        warnings.simplefilter("ignore")  # zipfile warns of doubled names: they are wanted here
        for name, content in parts.items() if isinstance(parts, dict) else parts:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def npy(array, **more):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), version=(1, 0), **more)
    return buffer.getvalue()


def flipped(raw, k):
    """The file with one bit of byte k turned."""
    return raw[:k] + bytes([raw[k] ^ 1]) + raw[k + 1 :]


def with_text(raw, change):
    """The file with its JSON changed in place by a function."""
    parts = members(raw)
    value = json.loads(parts["sparsemlp.json"])
    change(value)
    return zipped({**parts, "sparsemlp.json": json.dumps(value).encode()})


def with_array(raw, name, change, layer=0):
    """The file with one array of a layer put through a function."""
    parts = members(raw)
    number = json.loads(parts["sparsemlp.json"])["content"]["network"]["layers"][layer]["fields"][name]["array"]
    key = f"arrays/{number}.npy"
    return zipped({**parts, key: npy(change(np.load(io.BytesIO(parts[key]))))})


def with_header(raw, old, new):
    parts = members(raw)
    key = next(k for k, v in parts.items() if old.encode() in v[:128])
    return zipped({**parts, key: parts[key].replace(old.encode(), new.encode(), 1)})


def at(*keys, value):
    """A change of the JSON: the part with these keys becomes `value`."""

    def change(text):
        for key in keys[:-1]:
            text = text[key]
        text[keys[-1]] = value

    return lambda raw: with_text(raw, change)


def array(name, change, layer=0):
    return lambda raw: with_array(raw, name, change, layer)


def poke(k, value):
    def change(a):
        a = a.copy()
        a.flat[k] = value
        return a

    return change


NET, TRAINER = ("content", "network"), ("content", "trainer")
LAYER = (*NET, "layers", 0, "fields")
HOSTILE = {
    "empty": (lambda raw: b"", "empty"),
    "other file": (lambda raw: b"#!/bin/sh\nreboot\n" * 9, "does not begin like one"),
    "other zip": (lambda raw: zipped({"a": b""}), "does not begin like one"),
    "half": (lambda raw: raw[: len(raw) // 2], "zip"),
    "last byte": (lambda raw: raw[:-1], "."),
    "flipped weight": (lambda raw: flipped(raw, raw.index(b"arrays/0.npy") + 300), "CRC"),
    "NaN weight": (array("data", poke(3, np.nan)), r"layers\[0\]: data holds NaN"),
    "infinite state": (array("state", poke(3, np.inf)), r"layers\[0\]: state holds NaN"),
    "NaN bias": (array("bias", poke(0, np.nan)), r"bias holds NaN"),
    "index out of range": (array("indices", poke(0, 2**31 - 1)), "Output units must be from 0"),
    "negative index": (array("indices", poke(0, -1)), "Output units must be from 0"),
    "unsorted": (array("indices", lambda a: a[::-1]), "sorted and unique"),
    "doubled": (array("indices", lambda a: np.repeat(a[::2], 2)[: a.size]), "sorted and unique|must be"),
    "indptr falls": (array("indptr", poke(2, 10**6)), "indptr must rise"),
    "indptr short": (array("indptr", lambda a: a[:-1]), "indptr must rise"),
    "indptr end": (array("indptr", poke(-1, 3)), "indptr must rise"),
    "weights too many": (array("data", lambda a: np.append(a, a)), "indices must be int32"),
    "weights float64": (array("data", lambda a: a.astype(np.float64)), "state must be float64"),
    "indices float": (array("indices", lambda a: a.astype(np.float32)), "must be int32"),
    "big endian": (array("data", lambda a: a.astype(">f4")), "does not begin like an array"),
    "2-D data": (array("data", lambda a: a[None]), "indices must be int32"),
    "dense count": (at(*NET, "layers", 1, "fields", "n_in", value=7), "data must be float32"),
    "array twice": (at(*LAYER, "slope", value={"list": [{"array": 0}, {"array": 0}]}), "refers to arrays/0.npy twice"),
    "layer fields": (at(*LAYER, value={}), "says nothing about"),
    "object array": (lambda raw: with_header(raw, "'<f4'", "'|O' "), "does not begin like an array"),
    "record array": (lambda raw: with_header(raw, "'<f4'", "[('x', '<f4')]"), "does not begin like an array"),
    "code in header": (lambda raw: with_header(raw, "{'descr'", "__import__('os')"), "does not begin like an array"),
    "Fortran order": (lambda raw: with_header(raw, "False", "True "), "does not begin like an array"),
    "huge declared": (lambda raw: with_header(raw, "'shape': (", "'shape': (99999999999, "), "does not match its|does not begin"),
    "huge beside zero": (lambda raw: with_header(raw, "'shape': (", "'shape': (0, 999999999999999999, "), "does not match|does not begin"),
    "compressed": (lambda raw: zipped(members(raw), zipfile.ZIP_DEFLATED), "compressed"),
    "zip bomb": (lambda raw: zipped({**members(raw), "arrays/0.npy": bytes(10**8)}, zipfile.ZIP_DEFLATED), "compressed"),
    "absolute path": (lambda raw: zipped({**members(raw), "/etc/passwd": b"x"}), "has a member '/etc/passwd'"),
    "parent path": (lambda raw: zipped({**members(raw), "../x.npy": b"x"}), "has a member"),
    "pickle": (lambda raw: zipped({**members(raw), "data.pkl": b"cos\nsystem\n(S'true'\ntR."}), "has a member 'data.pkl'"),
    "doubled member": (lambda raw: zipped([*members(raw).items(), ("arrays/0.npy", b"x")]), "twice"),
    "spare member": (lambda raw: zipped({**members(raw), "arrays/9999.npy": b"x"}), "nothing refers to its arrays/9999"),
    "missing member": (lambda raw: zipped({k: v for k, v in members(raw).items() if k != "arrays/2.npy"}), "does not have"),
    "no JSON": (lambda raw: zipped({**members(raw), "sparsemlp.json": b"{"}), "Expecting"),
    "list JSON": (lambda raw: zipped({**members(raw), "sparsemlp.json": b"[]"}), "does not say format"),
    "deep JSON": (lambda raw: zipped({**members(raw), "sparsemlp.json": b"[" * 10**5}), "recursion"),
    "doubled key": (lambda raw: zipped({**members(raw), "sparsemlp.json": b'{"a":1,"a":2}'}), "same key twice"),
    "huge number": (lambda raw: zipped({**members(raw), "sparsemlp.json": b"9" * 10**5}), "limit"),
    "newer": (at("version", value=3), "version 3 of the format.*Update sparsemlp"),
    "version text": (at("version", value="1"), "version must be a whole number"),
    "version 0": (at("version", value=0), "version must be a whole number"),
    "other format": (at("format", value="torch"), "does not say format"),
    "no content": (at("content", value=None), "content must be dict"),
    "width": (at(*LAYER, "n_in", value=2**40), "n_in must be a whole number from 1 to"),
    "width text": (at(*LAYER, "n_out", value="9"), "n_out must be a whole number"),
    "width true": (at(*LAYER, "n_out", value=True), "n_out must be a whole number"),
    "width of another layer": (at(*LAYER, "n_in", value=3), "indptr must rise"),
    "chain": (at(*NET, "layers", 1, "fields", "n_in", value=21), "data must be float32"),
    "no layers": (at(*NET, "layers", value=[]), "with layers"),
    "layer class": (at(*LAYER[:-1], "class", value="os"), "kind that is not known"),
    "class": (at(*NET, "class", value="Popen"), "MLP or a Network"),
    "dtype": (at(*NET, "dtype", value="object"), "float32 or float64"),
    "seed": (at(*NET, "seed", value=-1), "seed"),
    "output": (at(*NET, "output", value="x"), "output"),
    "activation": (at(*LAYER, "activation", value="eval"), "activation"),
    "dropout": (at(*LAYER, "dropout", value=1.0), "dropout"),
    "dropout text": (at(*LAYER, "dropout", value="0"), "dropout"),
    "array reference": (at(*LAYER, "data", value={"array": "../../x"}), "does not have"),
    "optimizer": (at(*TRAINER, "optimizer", "class", value="os.system"), "not known here"),
    "optimizer settings": (at(*TRAINER, "optimizer", "fields", "momentum", value=7), "settings of SGD are not valid.*momentum"),
    "optimizer field": (at(*TRAINER, "optimizer", "fields", value={"evil": 1}), "SGD has no field evil"),
    "optimizer missing": (at(*TRAINER, "optimizer", value=None), "must have an optimizer"),
    "optimizer a policy": (at(*TRAINER, "optimizer", value={"class": "Static", "fields": {}}), "optimizer must be like"),
    "other optimizer": (at(*TRAINER, "optimizer", value={"class": "Adam", "fields": {}}), "rows of state"),
    "truth value": (at(*TRAINER, "optimizer", "fields", "nesterov", value="yes"), "nesterov must be true or false"),
    "policy deep": (at(*TRAINER, "policy", "fields", "zeta", value=eval("[" * 30 + "]" * 30)), "must be a number"),
    "lr": (at(*TRAINER, "lr", value=-1), "lr must be"),
    "lr kind": (at(*TRAINER, "lr", value={"class": "SET", "fields": {}}), "must be a real number"),
    "loss": (at(*TRAINER, "loss", value="x"), "loss"),
    "step": (at(*TRAINER, "step", value=-1), "step must be from 0 to"),
    "epoch float": (at(*TRAINER, "epoch", value=1.5), "epoch must be int"),
    "states": (at(*TRAINER, "policy_states", value={"list": [None]}), "one entry for each"),
    "history": (at(*TRAINER, "history", "records", value=[1]), "list of records"),
    "classes": (at(*NET, "classes", value={"labels": 1, "object": False}), "must be|twice"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file(raw, path, name):
    damage, words = HOSTILE[name]
    bad = damage(raw)
    assert bad != raw
    path.write_bytes(bad)
    with pytest.raises(sm.CheckpointError, match=words) as caught:
        sm.load(path)
    assert str(path) in str(caught.value)


def test_overlapping_members(raw, path):
    """Many names for the same bytes: the sizes add up to more than the file."""
    bad = bytearray(zipped({**members(raw), **{f"arrays/{k}.npy": b"" for k in range(500, 600)}}))
    central = bad.index(b"PK\1\2")
    first = bytes(bad[central + 42 : central + 46])
    here = bad.index(b"PK\1\2", central + 4)
    while here >= 0 and bad[here + 46 : here + 56] != b"arrays/500":
        here = bad.find(b"PK\1\2", here + 4)
    while here >= 0:
        bad[here + 20 : here + 28] = (100_000).to_bytes(4, "little") * 2
        bad[here + 42 : here + 46] = first
        here = bad.find(b"PK\1\2", here + 4)
    path.write_bytes(bad)
    with pytest.raises(sm.CheckpointError, match="members claim|[Oo]verlap"):
        sm.load(path)


def test_memory_that_is_not_there(raw, path, monkeypatch):
    path.write_bytes(raw)
    monkeypatch.setattr("sparsemlp.engine.memory_limit.available_memory", lambda: 1000)
    with pytest.raises(MemoryError, match="GB of memory"):
        sm.load(path)


def test_blind_mutations(raw, path):
    """Two thousand damaged files: each a CheckpointError or a valid trainer."""
    rng = mutate.generator(1)
    loaded = 0
    for k in range(2000):
        path.write_bytes((mutate.blind if k % 2 else mutate.informed)(raw, rng))
        try:
            trainer = sm.load(path)
        except sm.CheckpointError as error:
            assert len(str(error)) > len(str(path)) + 30
            continue
        loaded += 1
        getattr(trainer, "network", trainer).check()
    assert 0 < loaded < 1000


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda trainer: pickle.loads(pickle.dumps(trainer))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_a_copied_trainer_can_be_saved(tmp_path, copied, loss):
    output = "identity" if loss == "mse" else "softmax"
    trainer = sm.Trainer(sm.MLP([4, 3, 2], output=output, seed=0), loss=loss)
    sm.save(tmp_path / "copy.sm", copied(trainer))
    assert sm.load(tmp_path / "copy.sm").loss.name == loss
