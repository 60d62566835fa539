"""`SNIP`: before training, keep the connections to which the loss is most sensitive."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import checks
from ..weights.change import Change
from .base import LayerView, Policy, Progress
from .select import smallest_magnitude

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SNIP(Policy):
    """Single-shot pruning at initialization by connection sensitivity |w * dL/dw|.

    Before the first step, over all layers together, keep round(density * connections) connections, those of the largest
    sensitivity on the run's first batches; then the topology is fixed. For nets that start dense: `MLP(sizes, topology=sm.Dense())`,
    whose layers turn sparse at once where they are sparse enough (`Trainer(dense_above=)`). A net that is sparse already is thinned.

    Parameters
    ----------
    density : float in (0, 1]
        Of the whole net afterwards, over the connections it has.
    batches : int, >= 1
        Over how many of the first epoch's batches the gradient is averaged; at most an epoch.

    Raises
    ------
    ValueError, TypeError
        A setting out of its range; before the first step, a density that would leave a layer without any connection.

    Notes
    -----
    Costs the gradient of `batches` batches and a selection in O(connections), once; memory for the gradients of all layers. Kept
    connections keep their initial values. Of equal sensitivities the first are removed. Biases are not pruned.

    References
    ----------
    Lee, Ajanthan, Torr, "SNIP: single-shot network pruning based on connection sensitivity", ICLR 2019, equations 4 to 6 and
    algorithm 1; the normalisation of equation 5 changes no ranking and is left out. They use one batch; the mean over several is
    the gradient of one larger batch.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> X, y, *_ = sm.datasets.load("digits")
    >>> net = sm.MLP([64, 100, 10], topology=sm.Dense(), seed=0)
    >>> history = sm.Trainer(net, policy=sm.SNIP(density=0.1)).fit(X / 16, y, epochs=1)
    >>> net.n_connections, [layer.weights.storage for layer in net.layers]
    (740, ['sparse', 'sparse'])
    """

    needs: ClassVar[frozenset] = frozenset({"gradient"})
    density: float
    batches: int = 1

    def __post_init__(self) -> None:
        checks.fraction("SNIP.density", self.density, open_low=True)
        checks.integer("SNIP.batches", self.batches, 1)

    @property
    def start_batches(self) -> int:  # type: ignore[override]
        """See `Policy`."""
        return self.batches

    def needs_at(self, index: int, state: Any, progress: Progress) -> frozenset[str]:
        return NOTHING

    def at_start(self, views: list[LayerView], rngs: list[np.random.Generator]) -> list[Change | None]:
        scores = [view.of_connections(view.data) * view.of_connections(view.gradient) for view in views]
        flat = np.concatenate(scores)
        gone = smallest_magnitude(flat, flat.size - round(self.density * flat.size))
        ends = np.cumsum([s.size for s in scores])
        parts = np.split(gone, np.searchsorted(gone, ends[:-1]))
        changes = []
        for view, part, score, end in zip(views, parts, scores, ends, strict=True):
            if part.size == score.size > 0:
                raise ValueError(
                    f"SNIP.density must leave every layer a connection; with {self.density:g} layer {view.index} would lose all "
                    f"{score.size}. A higher density keeps some, more batches may."
                )
            changes.append(Change(drop=view.slots_of(part - (end - score.size))) if part.size else None)
        return changes
