"""What a net weighs: bytes by layer and purpose, counted from the arrays that exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..weights.prediction import PredictionWeights, ordered_slots

PURPOSES = ("values", "indices", "transposed_index", "optimizer_state", "bias")
BUFFERS = ("activations", "gradients", "scratch")
OF_A_LAYER = BUFFERS[:2]


@dataclass(frozen=True)
class MemoryReport:
    """Bytes of a network and, if it is being trained, of its training buffers.

    Attributes
    ----------
    layers : tuple of dict
        By layer: "shape", "connections", and bytes of values, indices (by input unit), transposed_index (by output unit),
        optimizer_state, bias (with its state); of these "pointers", arrays of the size of the units, and "bias_values"; activations (its
        outputs) and gradients (of the loss at its pre-activations; 0 where they overwrite the outputs) of the largest training batch so
        far, 0 before the first step.
    buffers : dict
        All bytes of that batch: activations (the layers' and the inputs), gradients (the layers', the biases', and the one matrix that
        dense layers of one shape share), scratch. Scratch of a network of `for_prediction`: the slots of the values of its largest
        layer, which all its layers share.
    """

    layers: tuple
    buffers: dict

    @property
    def connections(self) -> int:
        return sum(row["connections"] for row in self.layers)

    @property
    def total(self) -> int:
        """Bytes of everything."""
        return self.weights + sum(self.buffers.values())

    @property
    def weights(self) -> int:
        """Bytes of values, indices, optimizer state and biases."""
        return sum(row[p] for row in self.layers for p in PURPOSES)

    @property
    def bytes_per_connection(self) -> float:
        """Values, indices and optimizer state over connections, arrays of the size of the units (biases, row pointers) apart."""
        per_connection = 0
        for row in self.layers:
            per_connection += sum(row[p] for p in PURPOSES if p != "bias") - row["pointers"]
        return per_connection / max(self.connections, 1)

    @property
    def inference(self) -> int:
        """Bytes that prediction needs of the layers: values, the index by output unit with the row pointers' share, biases."""
        return sum(row["values"] + row["transposed_index"] + row["bias_values"] for row in self.layers)

    def to_dict(self) -> dict:
        """Everything as numbers, for JSON."""
        return {
            "layers": [dict(row) for row in self.layers],
            "buffers": dict(self.buffers),
            "total": self.total,
            "connections": self.connections,
            "bytes_per_connection": self.bytes_per_connection,
        }

    def __str__(self) -> str:
        columns = PURPOSES + OF_A_LAYER
        head = f"{'layer':>5}  {'shape':>15}  {'connections':>13}" + "".join(f"  {p.replace('_', ' '):>16}" for p in columns)
        lines = [head]
        for k, row in enumerate(self.layers):
            shape = f"{row['shape'][0]} x {row['shape'][1]}"
            lines.append(f"{k:>5}  {shape:>15}  {row['connections']:>13,}" + "".join(f"  {row[p]:>16,}" for p in columns))
        lines += [f"{name:>20}  {size:>15,} bytes" for name, size in self.buffers.items()]
        lines.append(f"{'total':>20}  {self.total:>15,} bytes; {self.bytes_per_connection:.1f} per connection")
        return "\n".join(lines)


def memory_report(what: Any) -> MemoryReport:
    """The bytes that a network or a trainer holds.

    Parameters
    ----------
    what : Network or Trainer
        A trainer's report includes its buffers.

    Returns
    -------
    MemoryReport

    Examples
    --------
    >>> import numpy as np, sparsemlp as sm
    >>> net = sm.MLP([100, 200, 10], topology=sm.ErdosRenyi(epsilon=5), seed=0)
    >>> trainer = sm.Trainer(net, optimizer=sm.SGD(lr=0.1, momentum=0.9))
    >>> loss = trainer.train_step(np.zeros((8, 100)), np.zeros(8, int))
    >>> memory_report(trainer).bytes_per_connection
    20.0
    """
    network = getattr(what, "network", what)
    plans = what.stepper.plans() if network is not what else []
    plan, held = max(plans, key=lambda found: sum(found[1].values()), default=(None, {}))
    buffers = dict.fromkeys(BUFFERS, 0) | held
    layers = []
    for k, layer in enumerate(network.layers):
        sizes = layer.nbytes()
        w = layer.weights
        shape, connections = ((layer.n_in, layer.n_out), 0) if w is None else (w.shape, w.n_connections)
        others = sum(p.data.nbytes for p in layer.parameters() if p is not w) + sum(b.nbytes for b in layer.buffers.values())
        row = {"shape": shape, "dense": layer.uses_blas, "connections": connections} | {p: sizes[p] for p in PURPOSES}
        row |= {"bias_values": others, "pointers": 0 if w is None else w.pointer_bytes}
        row |= {"activations": plan.activations[k + 1].nbytes if plan else 0, "gradients": plan.gradient_bytes(k) if plan else 0}
        layers.append(row)
    weights = [layer.weights for _, layer in network.weighted]
    largest = max((w.n_connections for w in weights if isinstance(w, PredictionWeights)), default=0)  # type: ignore[misc]
    buffers["scratch"] += ordered_slots(largest).nbytes
    if plans:
        buffers["gradients"] += what.evolution.nbytes() + what.stepper.stored_bytes()
    return MemoryReport(tuple(layers), buffers)
