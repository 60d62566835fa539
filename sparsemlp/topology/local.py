"""Units that see a neighbourhood of an image, layer by layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from .. import checks
from ..errors import TopologyError
from .base import LARGEST, Topology, check_layer
from .columns import VALUES, draw_inputs
from .expander import by_input

FIRST, SECOND, LATER = 0.0, 0.12, 0.25  # reach: found on held-out Fashion-MNIST
# the plane's golden ratio: multiples of its powers, modulo 1, fill the unit square evenly (Roberts 2018, the sequence R2)
GOLDEN = 1.32471795724474602596


@dataclass(frozen=True)
class LocalLayer(Topology):
    """One layer of a `Local`: each unit stands at a place of the image and joins inputs near to it.

    Parameters
    ----------
    fan_in : int, >= 1
    reach : float, >= 0
        Inputs are drawn in proportion to a Gaussian of their distance with this deviation, in sides of the image; 0: the nearest.
    image_shape : (height, width) or (channels, height, width), optional
        The inputs are pixels, channels first; None: they are units of the layer before, at their own places.

    Examples
    --------
    >>> layer = LocalLayer(fan_in=4, reach=0, image_shape=(4, 4))
    >>> indptr, indices = layer.build(16, 1, np.random.default_rng(0))
    >>> np.diff(indptr).reshape(4, 4)
    array([[0, 0, 0, 0],
           [0, 1, 1, 0],
           [0, 1, 1, 0],
           [0, 0, 0, 0]], dtype=int32)
    """

    fan_in: int
    reach: float
    image_shape: tuple | None = None

    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return (indptr, indices); see `Topology.build`. O(n_in · n_out) time, memory of O(connections + block)."""
        check_layer(self, n_in, n_out, self.fan_in * n_out)
        if self.image_shape is None:
            inputs = places(n_in)
        else:
            if np.prod(self.image_shape) != n_in:
                raise TopologyError(f"An image of shape {self.image_shape} has {np.prod(self.image_shape)} values; the layer has {n_in}.")
            inputs = pixels(self.image_shape)
        units = places(n_out)
        block = max(1, VALUES // n_in)
        cells = np.empty((n_out, self.fan_in), np.int64)
        for start in range(0, n_out, block):
            some = np.arange(start, min(start + block, n_out))
            closeness = -((units[some, None, :] - inputs) ** 2).sum(axis=2, dtype=np.float32)
            if self.reach:
                closeness /= np.float32(2 * self.reach**2)
                chosen = draw_inputs(closeness, self.fan_in, rng)
            else:
                chosen = np.argpartition(closeness, -self.fan_in, axis=1)[:, -self.fan_in :]
            cells[some] = some[:, None] * n_in + chosen
        return by_input(cells.ravel(), n_in, n_out)


@dataclass(frozen=True)
class Local(Sequence):
    """Layers whose units see a neighbourhood of an image, a sequence of topologies to put before others: ``[*Local(...), Dense()]``.

    The units of every layer stand at evenly spread places of the image. A unit joins `fan_in` inputs in proportion to a Gaussian of
    the distance: pixels in the first layer, all channels alike, the units below in the others.

    Parameters
    ----------
    image_shape : (height, width) or (channels, height, width)
        A row of X is the flattened image, channels first as CIFAR-10 is stored.
    fan_in : int or sequence of int
        Inputs of each unit, for one layer or for several.
    reach : float or sequence of float, optional
        The Gaussian's deviation in sides of the image, one a layer or the same for all. 0 takes the nearest inputs: a patch.
        Default: 0 for the first layer, 0.12 for the second, 0.25 for those above.

    Raises
    ------
    TopologyError
        When built, if image_shape is not the layer's number of inputs, or fan_in is larger.

    Notes
    -----
    Weights are not shared, so this is no convolution: a unit costs its fan_in, whatever the image. Widths are free.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> topology = [*sm.Local((28, 28), fan_in=(36, 40, 40)), sm.Dense()]
    >>> sm.MLP([784, 1000, 1000, 1000, 10], topology=topology, seed=0).n_parameters
    129010
    """

    image_shape: Any
    fan_in: Any
    reach: Any = None

    def __post_init__(self) -> None:
        shape: Any = self.image_shape
        if not isinstance(shape, (tuple, list)) or len(shape) not in (2, 3):
            raise ValueError(f"Local.image_shape must be (height, width) or (channels, height, width); got {shape!r}.")
        shape = tuple(checks.integer(f"Local.image_shape[{k}]", side, 1) for k, side in enumerate(shape))
        fans: Any = list(self.fan_in) if isinstance(self.fan_in, (Sequence, np.ndarray)) else [self.fan_in]
        fans = tuple(checks.integer(f"Local.fan_in[{k}]", n, 1, LARGEST) for k, n in enumerate(fans))
        if not fans:
            raise ValueError("Local.fan_in must name at least one layer; got none.")
        reach: Any = (FIRST, SECOND, *[LATER] * len(fans))[: len(fans)] if self.reach is None else self.reach
        reach = [reach] * len(fans) if isinstance(reach, Real) else list(reach)
        if len(reach) != len(fans):
            raise ValueError(f"Local.reach must be one number, or one for each of the {len(fans)} layers of fan_in; got {self.reach!r}.")
        reach = tuple(checks.real(f"Local.reach[{k}]", r, 0, fix="In sides of the image, such as 0.12.") for k, r in enumerate(reach))
        for name, value in (("image_shape", shape), ("fan_in", fans), ("reach", reach)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.fan_in)

    def __getitem__(self, index: Any) -> Any:
        shapes = (self.image_shape, *[None] * (len(self) - 1))
        return [LocalLayer(*settings) for settings in zip(self.fan_in, self.reach, shapes, strict=True)][index]


def places(n_units: int) -> np.ndarray:
    """Return where the units of a layer stand in the unit square, float32[n_units, 2]: evenly, the same for all layers of that width."""
    steps = np.arange(n_units)[:, None] / np.array([GOLDEN, GOLDEN**2])
    return ((0.5 + steps) % 1).astype(np.float32)


def pixels(image_shape: tuple) -> np.ndarray:
    """Return float32[n_pixels · channels, 2]: the centres of the pixels in the unit square, for each channel again."""
    height, width = image_shape[-2:]
    y, x = np.divmod(np.arange(height * width), width)
    centres = np.column_stack([(y + 0.5) / height, (x + 0.5) / width]).astype(np.float32)
    return np.tile(centres, (image_shape[0] if len(image_shape) == 3 else 1, 1))
