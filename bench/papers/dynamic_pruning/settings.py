"""Nets, arms and settings of the experiment on dynamic pruning rates."""

from dataclasses import dataclass

from sparsemlp import (
    MLP,
    SET,
    Dense,
    ErdosRenyi,
    ExponentialDecay,
    Glorot,
    He,
    LinearDecrease,
    Oscillating,
    Policy,
    Static,
)
from sparsemlp.models.named_nets import NETS

SMALL = {  # as many parameters as the sparse nets, dense
    "mlp-1k": (784, 123, 123, 123, 10),
    "mlp-4k": (784, 261, 261, 261, 10),
    "mlp-4k4l": (784, 244, 244, 244, 244, 10),
}
PAPER_ARMS = ("dense", "static", "set", "exd", "ldv", "osv")
SETTINGS = {
    "dataset": "fashion-mnist",
    "batch_size": 100,
    "lr": 0.01,
    "momentum": 0.9,
    "dropout": 0.3,
    "epsilon": 20,
    "held_out": 5000,
    "rotation": 10,
    "shift": 0.005,
    "flip": True,
}
STARTS = {  # initial weights, of all layers
    "code": Glorot("uniform", fans="dense"),  # Keras' default, of a dense matrix that is then masked: the paper's released code
    "ours": He(),  # by the connections there are: seven times as large in these nets
}
SPLIT_SEED = 0  # the held-out images are the same in all runs
DIGITS = 6  # of what a run's file keeps of each number


@dataclass(frozen=True)
class Discarded(Policy):
    """What the paper's released code did: the policy decides, and nothing changes.

    Parameters
    ----------
    policy : Policy

    Examples
    --------
    >>> Discarded(SET()).zeta
    0.3
    """

    policy: Policy

    zeta = property(lambda self: self.policy.zeta)

    def between_epochs(self, view, state, progress, rng):
        self.policy.between_epochs(view, state, progress, rng)
        return None, state


def _exd():
    return ExponentialDecay(0.3, interest=0.01)


ARMS = {  # the paper's, the small dense control, then one changed choice each
    "dense": Static,
    "static": Static,
    "set": lambda: SET(0.3),
    "exd": lambda: SET(_exd()),
    "ldv": lambda: SET(LinearDecrease(0.3, 0.01)),
    "osv": lambda: SET(Oscillating(0.3, 0.01, k=1)),
    "small-dense": Static,
    "set-magnitude": lambda: SET(0.3, by="magnitude"),
    "exd-magnitude": lambda: SET(_exd(), by="magnitude"),
    "set-initializer": lambda: SET(0.3, new="initializer"),
    "exd-initializer": lambda: SET(_exd(), new="initializer"),
    "discarded": lambda: Discarded(SET(_exd())),
}


def build(net, arm, seed, start="code"):
    """The net of an arm. All sparse arms of one net, seed and start begin with the same connections and weights."""
    widths = (SMALL if arm == "small-dense" else NETS)[net]
    topology = Dense() if arm in ("dense", "small-dense") else ErdosRenyi(epsilon=SETTINGS["epsilon"])
    options = {"activation": "relu", "dropout": SETTINGS["dropout"], "initializer": STARTS[start], "seed": seed}
    return MLP(list(widths), topology=topology, **options)


def n_parameters(net):
    """(sparse, dense): parameters of a net, biases included, counted in one that is built."""
    network = build(net, "static", 0)
    return network.n_parameters, sum(layer.n_in * layer.n_out + layer.n_out for layer in network.layers)


def run_name(net, arm, seed, epochs, start="code"):
    return f"{net}_{arm}{'' if start == 'ours' else f'_{start}-start'}_seed{seed}_{epochs}epochs"
