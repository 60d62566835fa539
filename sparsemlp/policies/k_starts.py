"""`KStarts`: of k random masks drawn at initialization, the fittest becomes the topology."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..errors import CheckpointError
from ..weights.change import Change
from . import packed_masks as bits
from .base import LayerView, Policy, Progress

FITNESSES = {  # what is summed over the connections that a mask keeps, and so what the trainer must provide
    "magnitude": frozenset(),
    "gradient": frozenset({"gradient"}),
    "accumulated_gradient": frozenset({"accumulated_gradient"}),
    "magnitude_and_accumulated_gradient": frozenset({"accumulated_gradient"}),
}


@dataclass(frozen=True)
class KStarts(Policy):
    """Draw k random masks; after every step only the fittest one's connections keep their values, until one mask is left.

    Parameters
    ----------
    k : int
        Masks of each layer at the beginning.
    p : float in [0, 1)
        Fraction of a layer's connections that a mask removes: round(p * connections), exactly.
    fitness : {"magnitude", "gradient", "accumulated_gradient", "magnitude_and_accumulated_gradient"}
        What is summed over the connections that a mask keeps: values; the step's gradient; the gradients of the epoch so far;
        values plus the gradients of the epoch so far.
    sums : {"signed", "absolute"}
        Of the numbers as they are, or of their magnitudes.
    drop_every : int
        After every so many steps the least fit mask is discarded.

    Raises
    ------
    ValueError, TypeError
        A setting out of its range.

    Notes
    -----
    After each optimizer step the fittest mask is found, and the values of the connections that it removes become 0. They stay
    connected and trainable: their gradient is that of a full layer, so that another mask may be the fittest after the next
    step. The fitness of such a connection counts what one update made of it. When one mask is left, which takes
    (k - 1) * drop_every steps (one step for k = 1), the connections that it removes are gone for good and the layer is sparse.
    Equally fit masks: the first drawn is the fittest, the last drawn is discarded. Biases are never pruned.

    State of a layer: k bits a connection, no k dense masks; "best" is the number, from 0, of the mask that was fittest after the
    last step, "numbers" are those of the masks that are left. O(k * connections) time in every step until one is left, then none.

    References
    ----------
    "What to prune and what not to prune at initialization", anonymous, under review: equations 1, 2, 5, 6 and algorithm 1. Its
    sums are signed. The fourth fitness is named in its abstract only. Departures: each mask removes an exact number of
    connections, not about a fraction p; the sum of gradients begins anew with each epoch.

    Examples
    --------
    >>> KStarts(k=5)
    KStarts(k=5, p=0.5, fitness='magnitude', sums='signed', drop_every=5)
    >>> KStarts(p=50)
    Traceback (most recent call last):
    ValueError: KStarts.p must be in [0, 1); got 50. Fractions, not percent.
    """

    k: int = 10
    p: float = 0.5
    fitness: str = "magnitude"
    sums: str = "signed"
    drop_every: int = 5

    def __post_init__(self) -> None:
        checks.integer("KStarts.k", self.k, 1)
        checks.fraction("KStarts.p", self.p, open_high=True)
        checks.choice("KStarts.fitness", self.fitness, FITNESSES)
        checks.choice("KStarts.sums", self.sums, ("signed", "absolute"))
        checks.integer("KStarts.drop_every", self.drop_every, 1)
        object.__setattr__(self, "needs", FITNESSES[self.fitness])

    def start(self, view: LayerView, rng: np.random.Generator) -> Any:
        n = view.n_connections
        masks = bits.draw(n, self.k, round(float(self.p) * n), rng)
        return {"masks": masks, "numbers": np.arange(self.k), "connections": n, "steps": 0, "best": -1}

    def needs_at(self, index: int, state: Any, progress: Progress) -> frozenset[str]:
        return self.needs if len(state["masks"]) else frozenset()

    def on_step(self, view: LayerView, state: Any, progress: Progress, rng: np.random.Generator) -> tuple[Change | None, Any]:
        masks, numbers, steps = state["masks"], state["numbers"], state["steps"] + 1
        if not len(masks):
            return None, state
        fitness = self.fitnesses(view, masks)
        best = int(np.argmax(fitness))
        removed = view.slots_of(bits.removed(masks[best], state["connections"]))
        state = {**state, "steps": steps, "best": int(numbers[best])}
        if len(masks) > 1 and steps % self.drop_every == 0:
            worst = len(masks) - 1 - int(np.argmin(fitness[::-1]))
            state["masks"], state["numbers"] = np.delete(masks, worst, axis=0), np.delete(numbers, worst)
        if len(state["masks"]) > 1:
            return Change(zero=removed), state
        return Change(drop=removed), {**state, "masks": np.zeros((0, 0), np.uint8), "numbers": np.zeros(0, np.int64)}

    def fitnesses(self, view: LayerView, masks: np.ndarray) -> np.ndarray:
        """Return float64[k]: the fitness of each mask, uint8[k, ceil(connections / 8)]."""
        summed = {
            "magnitude": (view.data,),
            "gradient": (view.gradient,),
            "accumulated_gradient": (view.accumulated_gradient,),
            "magnitude_and_accumulated_gradient": (view.data, view.accumulated_gradient),
        }[self.fitness]
        total = np.zeros(len(masks))
        for array in summed:
            values = view.of_connections(array)
            total += bits.sums(masks, np.abs(values) if self.sums == "absolute" else values)
        return total

    def without(self, view: LayerView, state: Any, drop: np.ndarray) -> Any:
        """Return the state after something else has dropped connections; `drop` : their slots in `view.data`, ascending, before that."""
        if not len(state["masks"]):
            return state
        ranks = np.searchsorted(view.slots, drop)
        n = state["connections"]
        return {**state, "masks": bits.without(state["masks"], n, ranks), "connections": n - len(ranks)}

    def check_state(self, view: LayerView, state: Any) -> None:
        problem = self._problem(view, state)
        if problem:
            raise CheckpointError(f"the state of KStarts of layer {view.index} {problem}.")

    def _problem(self, view: LayerView, state: Any) -> str | None:
        """Return what is wrong with a state that was read from a file; None if nothing is."""
        if not isinstance(state, dict) or set(state) != {"masks", "numbers", "connections", "steps", "best"}:
            return f"must have masks, numbers, connections, steps and best; got {state!r:.80}"
        masks, numbers, n = state["masks"], state["numbers"], state["connections"]
        if any(not isinstance(state[name], int) or isinstance(state[name], bool) for name in ("connections", "steps", "best")):
            return "must have whole numbers of connections and steps"
        if not 0 <= state["steps"] < 2**62 or not -1 <= state["best"] < self.k:
            return f"must have steps from 0 and best from -1 to {self.k - 1}; got {state['steps']} and {state['best']}"
        for name, array, dtype, n_dims in (("masks", masks, np.uint8, 2), ("numbers", numbers, np.int64, 1)):
            if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != n_dims:
                return f"must have {name} as {np.dtype(dtype)} with {n_dims} dimension(s)"
        if len(masks) != len(numbers) or len(numbers) > self.k or np.any(np.diff(numbers) < 1):
            return f"must have one number, ascending, for each of at most {self.k} masks"
        if not len(masks):
            return None
        if numbers[0] < 0 or numbers[-1] >= self.k:
            return f"must have numbers from 0 to {self.k - 1}"
        if n != view.n_connections or masks.shape[1] != -(-n // 8):
            return f"must have masks of the layer's {view.n_connections} connections; got {n} and {masks.shape[1]} bytes"
        if n % 8 and np.any(masks[:, -1] & (0xFF >> n % 8)):
            return "must have no bits beyond the last connection"
        return None
