"""`save` and `load`: networks and trainers in the container's terms."""

import math
import os

import numpy as np

from .. import files as atomic
from ..engine.threads import engine
from ..errors import CheckpointError
from ..layers import Linear
from ..losses import LOSSES
from ..models.autoencoder import Autoencoder
from ..models.inference_weights import PredictionWeights
from ..models.mlp import MLP
from ..models.network import Network
from ..policies.base import LayerView
from ..schedules import as_schedule
from ..training.history import History
from ..training.trainer import Trainer
from ..weights.dense import DenseWeights
from ..weights.sparse import SparseWeights
from .container import Writer, is_checkpoint, reading
from .settings_json import Decoder, encode

NETWORKS = {"MLP": MLP, "Network": Network, "Autoencoder": Autoencoder}
DTYPES = {"float32": np.float32, "float64": np.float64}
COUNTERS = ("step", "epoch", "n_epochs", "n_fits")
LARGEST_COUNT = 2**62


def save(path, what):
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


def load(path, *, custom=()):
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
    if type(layer) is not Linear or type(layer.weights) not in (SparseWeights, DenseWeights, PredictionWeights):
        raise CheckpointError(f"Layer {k} cannot be saved: {layer!r:.80}. A checkpoint holds Linear layers.")
    weights = layer.weights
    content = {
        "class": "Linear",
        "n_in": layer.n_in,
        "n_out": layer.n_out,
        "n_connections": weights.data.size,
        "n_state": weights.state.shape[0],
        "activation": layer.activation,
        "slope": float(layer.slope),
        "dropout": float(layer.dropout),
        "initializer": encode(getattr(layer, "initializer", None), f"layers[{k}].initializer", put),
        "data": put(weights.data),
        "state": put(weights.state),
        "bias": put(layer.bias),
        "bias_state": put(layer.bias_state),
    }
    if weights.is_dense:
        content["removed"] = None if weights.removed is None else put(weights.removed)
    elif isinstance(weights, PredictionWeights):
        narrow = np.uint16 if layer.n_in <= 2**16 else np.int32
        content.update(out_ptr=put(weights._out_ptr), inputs=put(weights._inputs.astype(narrow, copy=False)))
    else:
        content.update(indptr=put(weights.indptr), indices=put(weights.indices))
    return content


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
        "loss": trainer.loss.name,
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
    layers = [_load_layer(k, _typed(layer, dict, f"layers[{k}]"), dtype, reader, decoder) for k, layer in enumerate(layers)]
    seed = _get(content, "seed", int)
    net = cls.__new__(cls)
    Network.__init__(net, layers, _get(content, "output", str), content.get("input_dropout"), seed)
    if issubclass(cls, MLP):
        net.initializer = _initializer(decoder(content.get("initializer"), "MLP.initializer"))
    net.classes = _load_classes(content.get("classes"), net, reader)
    return net


def _load_layer(k, content, dtype, reader, decoder):
    if content.get("class") != "Linear":
        raise CheckpointError(f"layers[{k}] is of a kind that is not known here: {content.get('class')!r:.80}.")
    n_in, n_out = (_count(content, name, 1, 2**31 - 1) for name in ("n_in", "n_out"))
    n, n_state = _count(content, "n_connections"), _count(content, "n_state", 0, 16)
    shape, where = (n_in, n_out), f"layers[{k}]"
    data = _finite(reader.array(content.get("data"), dtype, (n,)), f"{where}.data")
    if "indptr" in content:
        indptr = reader.array(content["indptr"], np.int32, (n_in + 1,))
        weights = SparseWeights(shape, indptr, reader.array(content.get("indices"), np.int32, (n,)), data)
    elif "out_ptr" in content:
        if n_state:
            raise CheckpointError(f"{where} is for prediction, so it must have no optimizer state; got {n_state} rows.")
        inputs = reader.array(content.get("inputs"), np.uint16 if n_in <= 2**16 else np.int32, (n,))
        weights = PredictionWeights(shape, reader.array(content["out_ptr"], np.int32, (n_out + 1,)), inputs, data)
    elif n != n_in * n_out:
        raise CheckpointError(f"{where} is dense, so it must have {n_in} * {n_out} weights; got {n}.")
    else:
        removed = content.get("removed")
        weights = DenseWeights(data.reshape(shape), None if removed is None else reader.array(removed, bool, (n,)).reshape(shape))
    weights.state = _finite(reader.array(content.get("state"), dtype, (n_state, n)), f"{where}.state")
    if weights.is_dense and weights.removed is not None:
        weights.clear_removed()
    bias = _finite(reader.array(content.get("bias"), dtype, (n_out,)), f"{where}.bias")
    activation, slope, dropout = _get(content, "activation", str), content.get("slope"), content.get("dropout")
    layer = Linear(weights, bias, activation, slope, dropout)
    layer.bias_state = _finite(reader.array(content.get("bias_state"), dtype, (n_state, n_out)), f"{where}.bias_state")
    layer.initializer = _initializer(decoder(content.get("initializer"), f"{where}.initializer"))
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
    loss = _get(content, "loss", str)
    if loss not in LOSSES:
        raise CheckpointError(f"the loss {loss!r:.80} is not known here.")
    trainer = Trainer(network, optimizer, loss, policy, dense_above=content.get("dense_above", 0.5))
    network.trained_by = optimizer.rule
    for k, layer in enumerate(network.layers):
        rows = layer.bias_state.shape[0]
        if rows not in (0, optimizer.n_state):
            raise CheckpointError(f"layers[{k}] has {rows} rows of state; {optimizer!r:.80} keeps {optimizer.n_state}.")
    trainer.lr = decoder(content.get("lr"), "trainer.lr")
    as_schedule(trainer.lr, "trainer.lr", 0, math.inf)
    for name in COUNTERS:
        setattr(trainer, name, _count(content, name))
    trainer.history = _load_history(_get(content, "history", dict))
    states = _by_layer(decoder(content.get("policy_states"), "policy_states"), network, "policy_states")
    for k, state in enumerate(states or ()):
        policy.check_state(LayerView.of(network.layers[k], k), state)
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
            if not isinstance(array, np.ndarray) or array.dtype != weights.dtype or array.shape != weights.data.shape:
                raise CheckpointError(f"{where}.{name} must be {weights.dtype}[{weights.data.size}].")
            _finite(array, f"{where}.{name}")


def _load_history(content):
    records, stopped = _get(content, "records", list), content.get("stopped")
    if not all(isinstance(record, dict) for record in records) or not isinstance(stopped, (str, type(None))):
        raise CheckpointError("history must be a list of records, one an epoch.")
    return History(records, stopped)
