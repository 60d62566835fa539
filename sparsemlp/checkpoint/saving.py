"""A network, or a trainer with its run, in the container's terms."""

from ..checks import all_finite
from ..errors import CheckpointError, TopologyError
from ..layers import KINDS
from ..losses import LOSSES
from ..models.mlp import MLP
from ..policies.base import LayerView
from .container import Writer
from .settings_json import encode

COUNTERS = ("step", "epoch", "n_epochs", "n_fits")
LARGEST_COUNT = 2**62


def require_savable(what):
    """Return (Writer, content) of what would be saved, or raise CheckpointError for what `load` would refuse.

    Parameters
    ----------
    what : Network or Trainer

    Notes
    -----
    O(connections) time, without a copy of the arrays.
    """
    writer, network = Writer(), getattr(what, "network", what)
    try:
        network.require_sound(bounds=True)
    except TopologyError as error:
        raise CheckpointError(f"The network cannot be saved, for it could not be loaded: {error}") from error
    for k, layer in enumerate(network.layers):
        arrays = [a for p in layer.parameters() for a in (p.data, p.state)] + list(layer.buffers.values())
        if not all(all_finite(a) for a in arrays):
            raise CheckpointError(f"The network cannot be saved: layer {k} holds NaN or infinity. What was saved before is unchanged.")
    content = {"network": _network(network, writer.put)}
    if network is what:
        return writer, content
    trainer = content["trainer"] = _trainer(what, writer.put)
    for name in COUNTERS:
        if not 0 <= trainer[name] <= LARGEST_COUNT:
            raise CheckpointError(f"trainer.{name} must be from 0 to {LARGEST_COUNT}; got {trainer[name]}. It cannot be saved.")
    states = what.policy_states
    if states is not None and len(states) != len(network.layers):
        found = f"The policy has {len(states)} states and the network {len(network.layers)} layers"
        raise CheckpointError(f"{found}, so they cannot be saved: fit without resume.")
    for k, state in enumerate(states or ()):
        if network.layers[k].weights is not None:
            what.policy.check_state(LayerView.of(network.layers[k], k), state)
    rows = {p.state.shape[0] for layer in network.layers for p in layer.parameters()}
    if not rows <= {0, what.optimizer.n_state} or len(rows) > 1:
        raise CheckpointError(
            f"Parameters have {sorted(rows)} rows of optimizer state; {what.optimizer!r:.80} keeps {what.optimizer.n_state}."
        )
    if not isinstance(what.history.records, list) or not all(isinstance(r, dict) for r in what.history.records):
        raise CheckpointError("The history must be a list of records, one an epoch, so that it can be saved.")
    return writer, content


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
        "loss": _loss(trainer.loss, put),
        "lr_scale": trainer.stepper.rates.scale,
        "clip_norm": trainer.clip_norm,
        "accumulate": trainer.accumulate,
        "weight_by": trainer.weight_by,
        "run": dict(trainer.run),
        "kept": {
            monitor: {
                "best": float(kept["best"]),
                "epoch": int(kept["epoch"]),
                "layers": [_layer(k, v, put) for k, v in enumerate(kept["layers"])],
            }
            for monitor, kept in trainer.kept.items()
        },
        "lr": encode(trainer.lr, "trainer.lr", put),
        "policy_states": encode(trainer.policy_states, f"the state of {type(trainer.policy).__name__}", put),
        "gradients": encode(trainer.evolution.saved(), "the gradients of the policy", put),
        "dense_above": trainer.evolution.dense_above,
        "evolved": int(trainer.evolution.evolved),
        "history": {"records": trainer.history.records, "stopped": trainer.history.stopped},
        **{name: int(getattr(trainer, name)) for name in COUNTERS},
    }


def _loss(loss, put):
    """The name of a loss of this package, also of a copied or unpickled trainer's; another one with its settings."""
    return loss.name if type(loss) is type(LOSSES.get(loss.name)) else encode(loss, "loss", put)
