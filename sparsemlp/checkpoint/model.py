"""`save` and `load`: networks and trainers in the container's terms."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import files as atomic
from ..engine.threads import engine
from ..errors import CheckpointError
from ..layers import KINDS
from ..losses import LOSSES, Loss
from ..models.autoencoder import Autoencoder
from ..models.mlp import MLP
from ..models.network import Network
from ..policies.base import LayerView
from ..schedules import as_schedule
from ..training.history import History
from ..training.trainer import Trainer
from .container import Writer, is_checkpoint, reading
from .settings_json import Decoder, encode
from .version_1 import from_version_1

NETWORKS = {"MLP": MLP, "Network": Network, "Autoencoder": Autoencoder}
DTYPES = {"float32": np.float32, "float64": np.float64}
COUNTERS = ("step", "epoch", "n_epochs", "n_fits")
LARGEST_COUNT = 2**62


def save(path: str | os.PathLike, what: Network | Trainer) -> None:
    """Save a network, or a trainer with everything that `fit(resume=True)` needs, in one file.

    Parameters
    ----------
    path : path
        Used as it is; no suffix is added. An earlier checkpoint of this name is replaced in one go: whatever happens, there is a
        whole one.
    what : Network or Trainer
        Of a trainer: the network, optimizer and its state, policy and its state, schedules, loss, history and counters. Random
        numbers are drawn by (seed, purpose, counters), so no generator has a state to save. Callbacks are not saved.

    Raises
    ------
    CheckpointError
        `path` is a file of another kind; or a setting cannot be saved, such as a schedule that is a function; the message says how
        to write it so that it can.
    OSError
        Full disk, missing or read-only folder. What was saved before is unchanged.
    TypeError
        `what` is neither a network nor a trainer.

    Notes
    -----
    About 8 bytes a connection in float32, and 4 for each row of optimizer state; of a network of `for_prediction` 6, or 8 for layers of
    more than 65,536 inputs. The file holds no code: see `load`.

    Examples
    --------
    >>> import tempfile, sparsemlp as sm
    >>> net = sm.MLP([4, 3, 2], density=0.5, seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sm.save(folder + "/small.sm", net)
    ...     sm.load(folder + "/small.sm")
    MLP(4-3-2, 9 connections, density 0.5)
    """
    from .. import __version__

    path = os.fspath(path)
    if type(what) not in (Trainer, *NETWORKS.values()):
        fix = " A subclass has more than a checkpoint knows: save its parts." if isinstance(what, (Network, Trainer)) else ""
        raise TypeError(f"save takes a network or a trainer; got {type(what).__name__}.{fix}")
    if os.path.isfile(path) and os.path.getsize(path) and not is_checkpoint(path):
        raise CheckpointError(f"{path} exists and is no checkpoint; it is left as it is. Choose another name, or delete it first.")
    with engine():  # between two steps of whatever thread trains it
        writer = Writer()
        if isinstance(what, Trainer):
            content = {"network": _network(what.network, writer.put), "trainer": _trainer(what, writer.put)}
        else:
            content = {"network": _network(what, writer.put)}
        with atomic.replacing(path) as file:
            writer.write(file, content, __version__)


def load(path: str | os.PathLike, *, custom: Sequence[type] = ()) -> Any:
    """Load what `save` saved.

    Parameters
    ----------
    path : path
    custom : sequence of classes
        Policies and schedules of your own (frozen dataclasses) that the file may name.

    Returns
    -------
    MLP, Network or Trainer

    Raises
    ------
    CheckpointError
        The file is damaged, hostile, of a newer version, or names classes that are not known; the message says what is wrong.
    MemoryError
        It is larger than the memory that is available.
    OSError
        It cannot be opened.

    Notes
    -----
    Files from others are safe to load: nothing in them is executed, every index is checked before a kernel sees it, and memory
    follows the size of the file.
    """
    decoder = Decoder(custom)
    with reading(os.fspath(path)) as reader:
        content = _typed(reader.content, dict, "content")
        decoder.array = reader.array
        network = _load_network(_get(content, "network", dict), reader, decoder)
        if set(content) == {"network"}:
            return network
        if set(content) != {"network", "trainer"}:
            raise CheckpointError(f"its content must be a network and perhaps a trainer; got {list(content)!r:.80}.")
        return _load_trainer(_get(content, "trainer", dict), network, decoder)


# ---- to JSON ----
def _network(net, put):
    content = {
        "class": type(net).__name__,
        "output": net.output,
        "input_dropout": float(net.input_dropout.dropout),
        "seed": int(net.seed),
        "dtype": net.dtype.name,
        "classes": _classes(net.classes, put),
        "layers": [_layer(k, layer, put) for k, layer in enumerate(net.layers)],
    }
    if isinstance(net, MLP):
        content["initializer"] = encode(net.initializer, "MLP.initializer", put)
    return content


def _layer(k, layer, put):
    try:
        content = layer.to_dict()
    except TypeError as error:
        raise CheckpointError(f"Layer {k} cannot be saved: {error}") from error
    kind = type(layer)
    known = KINDS.get(kind.__name__) is kind
    fields = {name: encode(value, f"layers[{k}].{name}", put) for name, value in content.items()}
    return {"class" if known else "custom": kind.__name__, "fields": fields}


def _classes(classes, put):
    if classes is None:
        return None
    is_object = classes.dtype.kind in "OT"
    if is_object:
        if not all(isinstance(c, str) for c in classes):
            kinds = ", ".join(sorted({type(c).__name__ for c in classes}))
            raise CheckpointError(f"Class labels must be numbers or text, so that a checkpoint can save them; got {kinds}.")
        classes = classes.astype(str)
    return {"labels": put(classes), "object": is_object}


def _trainer(trainer, put):
    return {
        "optimizer": encode(trainer.optimizer, "optimizer", put),
        "policy": encode(trainer.policy, "policy", put),
        "loss": trainer.loss.name if trainer.loss is LOSSES.get(trainer.loss.name) else encode(trainer.loss, "loss", put),
        "lr_scale": trainer.stepper.rates.scale,
        "clip_norm": trainer.clip_norm,
        "accumulate": trainer.accumulate,
        "lr": encode(trainer.lr, "trainer.lr", put),
        "policy_states": encode(trainer.policy_states, f"the state of {type(trainer.policy).__name__}", put),
        "gradients": encode(trainer.evolution.saved(), "the gradients of the policy", put),
        "dense_above": trainer.evolution.dense_above,
        "evolved": int(trainer.evolution.evolved),
        "history": {"records": trainer.history.records, "stopped": trainer.history.stopped},
        **{name: int(getattr(trainer, name)) for name in COUNTERS},
    }


# ---- from JSON ----
def _typed(value, kind, where):
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise CheckpointError(f"{where} must be {kind.__name__}; got {value!r:.80}.")
    return value


def _get(content, name, kind):
    if name not in content:
        raise CheckpointError(f"it says nothing about {name!r}.")
    return _typed(content[name], kind, name)


def _count(content, name, low=0, high=LARGEST_COUNT):
    value = _get(content, name, int)
    if not low <= value <= high:
        raise CheckpointError(
            f"{name} must be from {low} to {high}; got {value:.6g}." if abs(value) < 1e300 else f"{name} is out of range."
        )
    return value


def _finite(array, where):
    if not np.isfinite(array).all():
        raise CheckpointError(f"{where} holds NaN or infinity.")
    return array


def _load_network(content, reader, decoder):
    cls = NETWORKS.get(_get(content, "class", str))
    dtype = DTYPES.get(_get(content, "dtype", str))
    layers = _get(content, "layers", list)
    if cls is None or dtype is None or not layers:
        raise CheckpointError("its network must be an MLP or a Network of float32 or float64, with layers.")
    layers = [_load_layer(k, _typed(layer, dict, f"layers[{k}]"), dtype, decoder) for k, layer in enumerate(layers)]
    seed = _get(content, "seed", int)
    net = cls.__new__(cls)
    Network.__init__(net, layers, _get(content, "output", str), content.get("input_dropout"), seed)
    if issubclass(cls, MLP):
        net.initializer = _initializer(decoder(content.get("initializer"), "MLP.initializer"))
    net.classes = _load_classes(content.get("classes"), net, reader)
    return net


def _load_layer(k, content, dtype, decoder):
    where = f"layers[{k}]"
    if "fields" not in content:
        content = from_version_1(content, where)
    custom = "custom" in content
    name, fields = content.get("custom" if custom else "class"), _get(content, "fields", dict)
    kind = (decoder.layers if custom else KINDS).get(name)
    if kind is None:
        fix = f" Give sm.load(path, custom=[{name!s:.80}])." if custom else ""
        raise CheckpointError(f"{where} is of a kind that is not known here: {name!r:.80}.{fix}")
    try:
        layer = kind.from_dict({key: decoder(value, f"{where}.{key:.80}") for key, value in fields.items()})
    except (CheckpointError, MemoryError, OSError):
        raise
    except Exception as error:  # whatever a constructor says to settings of the wrong type
        raise CheckpointError(f"{where}: {error}") from error
    _initializer(layer.initializer)
    arrays = [a for p in layer.parameters() for a in (p.data, p.state)]
    if any(a.dtype != dtype for a in arrays):
        raise CheckpointError(f"{where} must be of {np.dtype(dtype)}, as the network.")
    for q, a in enumerate((*arrays, *layer.buffers.values())):
        _finite(a, f"{where}, array {q},")
    return layer


def _initializer(value):
    if value is not None and not callable(getattr(value, "sample", None)):
        raise CheckpointError(f"an initializer must be like sm.He(); got {value!r:.80}.")
    return value


def _load_classes(content, net, reader):
    if content is None:
        return None
    content = _typed(content, dict, "classes")
    n = 2 if net.output == "sigmoid" and net.n_out == 1 else net.n_out
    classes = reader.array(content.get("labels"), shape=(n,))
    if classes.dtype.kind == "f":
        _finite(classes, "classes")
    if np.unique(classes).size != n:
        raise CheckpointError("classes holds a label twice.")
    return classes.astype(object) if _get(content, "object", bool) else classes


def _load_trainer(content, network, decoder):
    optimizer, policy = decoder(content.get("optimizer"), "optimizer"), decoder(content.get("policy"), "policy")
    if optimizer is None or policy is None:
        raise CheckpointError("its trainer must have an optimizer and a policy.")
    loss = decoder(content.get("loss"), "loss")
    if loss not in LOSSES and not isinstance(loss, Loss):
        raise CheckpointError(f"the loss {loss!r:.80} is not known here.")
    trainer = Trainer(
        network,
        optimizer,
        loss,
        policy,
        dense_above=content.get("dense_above", 0.5),
        lr_scale=content.get("lr_scale"),  # the first edition had one rate for all
        clip_norm=content.get("clip_norm"),
        accumulate=content.get("accumulate", 1),
    )
    network.trained_by = optimizer.identity
    for k, layer in enumerate(network.layers):
        for p in layer.parameters():
            rows = p.state.shape[0]
            if rows not in (0, optimizer.n_state):
                raise CheckpointError(f"layers[{k}] has {rows} rows of state; {optimizer!r:.80} keeps {optimizer.n_state}.")
    trainer.lr = decoder(content.get("lr"), "trainer.lr")
    as_schedule(trainer.lr, "trainer.lr", 0, math.inf)
    for name in COUNTERS:
        setattr(trainer, name, _count(content, name))
    trainer.history = _load_history(_get(content, "history", dict))
    states = _by_layer(decoder(content.get("policy_states"), "policy_states"), network, "policy_states")
    for k, state in enumerate(states or ()):
        if network.layers[k].weights is not None:
            policy.check_state(LayerView.of(network.layers[k], k), state)
        elif state is not None:
            raise CheckpointError(f"policy_states[{k}] must be None: layer {k} has no weights.")
    gradients = _by_layer(decoder(content.get("gradients"), "gradients"), network, "gradients")
    for k, row in enumerate(gradients or ()):
        _check_gradients(row, network.layers[k].weights, f"gradients[{k}]")
    evolved = _count(content, "evolved", 0, trainer.epoch) if "evolved" in content else max(trainer.epoch - 1, 0)
    trainer.evolution.restore(states, gradients, evolved)
    return trainer


def _by_layer(value, network, where):
    if value is not None and (not isinstance(value, list) or len(value) != len(network.layers)):
        raise CheckpointError(f"{where} must have one entry for each of the {len(network.layers)} layers.")
    return value


def _check_gradients(row, weights, where):
    if not isinstance(row, dict) or set(row) != {"gradient", "accumulated_gradient"}:
        raise CheckpointError(f"{where} must hold a gradient and an accumulated_gradient.")
    for name, array in row.items():
        if array is not None:
            if weights is None or not isinstance(array, np.ndarray) or array.dtype != weights.dtype or array.shape != weights.data.shape:
                raise CheckpointError(f"{where}.{name} must be aligned with the weights of its layer.")
            _finite(array, f"{where}.{name}")


def _load_history(content):
    records, stopped = _get(content, "records", list), content.get("stopped")
    if not all(isinstance(record, dict) for record in records) or not isinstance(stopped, (str, type(None))):
        raise CheckpointError("history must be a list of records, one an epoch.")
    return History(records, stopped)
