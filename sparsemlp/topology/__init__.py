"""Topologies: which connections a layer starts from. One rule per file; `base.py` says what a topology is."""

from collections.abc import Sequence
from typing import Any

from .. import checks
from .base import LARGEST, Topology
from .correlated import Correlated
from .dense import Dense
from .erdos_renyi import ErdosRenyi
from .expander import RandomEquivalent, RandomExpander
from .from_data import fit_to_data
from .from_matrix import Given
from .local import Local
from .radix_net import RadixNet
from .random_layer import RandomLayer
from .small_world import SmallWorld
from .uniform import Uniform
from .weighted import Weighted, label_scores

__all__ = [
    "Correlated",
    "Dense",
    "ErdosRenyi",
    "Given",
    "Local",
    "RadixNet",
    "RandomEquivalent",
    "RandomExpander",
    "RandomLayer",
    "SmallWorld",
    "Topology",
    "Uniform",
    "Weighted",
    "fit_to_data",
    "label_scores",
    "resolve",
]


def resolve(topology: Topology | Sequence, sizes: Sequence[int]) -> list[Topology]:
    """Return one topology per layer for a net with these numbers of units.

    Parameters
    ----------
    topology : Topology or sequence
        One for all layers, or one per layer; nested sequences such as `RadixNet` are laid out flat.
    sizes : sequence of int
        Units of each level, from the inputs to the outputs.

    Returns
    -------
    list of Topology, len(sizes) - 1

    Raises
    ------
    TypeError
        If something in it is no topology.
    ValueError
        If the number of topologies is not the number of layers, or a topology of the whole net stands among several.

    Examples
    --------
    >>> resolve(Uniform(0.1), [784, 300, 10])
    [Uniform(density=0.1), Uniform(density=0.1)]
    >>> [type(layer).__name__ for layer in resolve([RadixNet((10, 10), (8, 3, 1)), Dense()], [784, 300, 100, 10])][-1]
    'Dense'
    """
    sizes = [checks.integer(f"sizes[{i}]", n, 1, LARGEST) for i, n in enumerate(sizes)]
    n_layers = len(sizes) - 1
    if n_layers < 1:
        raise ValueError(f"A net must have at least 2 sizes, its inputs and its outputs; got {sizes}.")
    if isinstance(topology, Topology):
        return topology.layers(sizes)
    layers = _flat(topology)
    if len(layers) != n_layers:
        raise ValueError(f"topology must be one object, or one per layer: {n_layers} for the sizes {sizes}; got {len(layers)}: {layers}.")
    for i, layer in enumerate(layers):
        if layer.whole_net and n_layers > 1:
            raise ValueError(
                f"{layer} is a setting of the whole net, so it must be the only topology; got it for layer {i} of {n_layers}. "
                "Use Uniform(density) or ErdosRenyi(epsilon=) for one layer."
            )
    return [layer.layers([n_in, n_out])[0] for layer, n_in, n_out in zip(layers, sizes, sizes[1:], strict=False)]


def _flat(topology: Any) -> Any:
    """Return the topologies of a nested sequence as one list."""
    if isinstance(topology, Topology):
        return [topology]
    if not isinstance(topology, Sequence) or isinstance(topology, (str, bytes)):
        fix = " Wrap a matrix or mask in Given(...)." if hasattr(topology, "shape") else ""
        raise TypeError(f"topology must be like Uniform(0.1), or a list of those; got {type(topology).__name__} {topology!r:.80}.{fix}")
    return [layer for part in topology for layer in _flat(part)]
