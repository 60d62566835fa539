"""Back from the container's terms: everything is checked, for files may be damaged or hostile."""

import math

import numpy as np

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
from .saving import COUNTERS, LARGEST_COUNT
from .version_1 import from_version_1

NETWORKS = {"MLP": MLP, "Network": Network, "Autoencoder": Autoencoder}
DTYPES = {"float32": np.float32, "float64": np.float64}


def typed(value, kind, where):
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise CheckpointError(f"{where} must be {kind.__name__}; got {value!r:.80}.")
    return value


def get(content, name, kind):
    if name not in content:
        raise CheckpointError(f"it says nothing about {name!r}.")
    return typed(content[name], kind, name)


def _count(content, name, low=0, high=LARGEST_COUNT):
    value = get(content, name, int)
    if not low <= value <= high:
        raise CheckpointError(
            f"{name} must be from {low} to {high}; got {value:.6g}." if abs(value) < 1e300 else f"{name} is out of range."
        )
    return value


def _finite(array, where):
    if not np.isfinite(array).all():
        raise CheckpointError(f"{where} holds NaN or infinity.")
    return array


def load_network(content, reader, decoder):
    cls = NETWORKS.get(get(content, "class", str))
    dtype = DTYPES.get(get(content, "dtype", str))
    layers = get(content, "layers", list)
    if cls is None or dtype is None or not layers:
        raise CheckpointError("its network must be an MLP or a Network of float32 or float64, with layers.")
    layers = [_load_layer(k, typed(layer, dict, f"layers[{k}]"), dtype, decoder) for k, layer in enumerate(layers)]
    seed = get(content, "seed", int)
    net = cls.__new__(cls)
    Network.__init__(net, layers, get(content, "output", str), content.get("input_dropout"), seed)
    if issubclass(cls, MLP):
        net.initializer = _initializer(decoder(content.get("initializer"), "MLP.initializer"))
    net.classes = _load_classes(content.get("classes"), net, reader)
    return net


def _load_layer(k, content, dtype, decoder):
    where = f"layers[{k}]"
    if "fields" not in content:
        content = from_version_1(content, where)
    custom = "custom" in content
    name, fields = content.get("custom" if custom else "class"), get(content, "fields", dict)
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
    content = typed(content, dict, "classes")
    n = 2 if net.output == "sigmoid" and net.n_out == 1 else net.n_out
    classes = reader.array(content.get("labels"), shape=(n,))
    if classes.dtype.kind == "f":
        _finite(classes, "classes")
    if np.unique(classes).size != n:
        raise CheckpointError("classes holds a label twice.")
    return classes.astype(object) if get(content, "object", bool) else classes


def load_trainer(content, network, decoder):
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
        weight_by=content.get("weight_by", "batch"),
    )
    trainer.run = _load_run(content.get("run", {}))
    trainer.kept = {name: _load_kept(kept, network, decoder) for name, kept in typed(content.get("kept", {}), dict, "kept").items()}
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
    trainer.history = _load_history(get(content, "history", dict))
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


def _load_run(run):
    kinds = {"samples": int, "batch_size": int, "shuffle": bool, "data": str}
    run = typed(run, dict, "run")
    return {name: typed(value, kinds.get(name, str), f"run.{name:.40}") for name, value in run.items()}


def _load_kept(kept, network, decoder):
    """The best weights of a run so far, as `BestWeights` keeps them."""
    kept = typed(kept, dict, "kept")
    layers = [_load_layer(k, typed(layer, dict, "kept"), network.dtype.type, decoder) for k, layer in enumerate(get(kept, "layers", list))]
    Network(layers, network.output)  # checks the chain
    if (layers[0].n_in, layers[-1].n_out) != (network.n_in, network.n_out):
        raise CheckpointError("its best weights must be of the network's widths.")
    best = kept.get("best")
    if isinstance(best, bool) or not isinstance(best, (int, float)) or not math.isfinite(best):
        raise CheckpointError(f"the best number so far must be finite; got {best!r:.40}.")
    return {"best": float(best), "epoch": _count(kept, "epoch"), "layers": layers}


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
    records, stopped = get(content, "records", list), content.get("stopped")
    if not all(isinstance(record, dict) for record in records) or not isinstance(stopped, (str, type(None))):
        raise CheckpointError("history must be a list of records, one an epoch.")
    return History(records, stopped)
