"""The contract between a training run and a policy; `view.py` holds what a policy is shown."""

import warnings
from typing import Any, ClassVar

import numpy as np

from ..errors import CheckpointError, PolicyWarning
from ..schedules import as_schedule
from ..weights.change import Change
from .view import LayerView, Progress

__all__ = ["NEEDS", "LayerView", "Policy", "Progress"]

NEEDS = frozenset({"gradient", "accumulated_gradient", "growth_gradient"})


class Policy:
    """Decides how a layer's topology changes; subclasses are frozen dataclasses of settings that never mutate what they see.

    A policy overrides `on_step`, `between_epochs` or both, and answers each with `(change, state)`: a `Change` or None, and
    its state of that layer, which it gets back the next time. State is None or a dict of arrays and numbers, so that a
    checkpoint can save it. All randomness comes from the generator that it is given: the same seed makes the same plan.
    `at_start` decides about all layers at once, before the first step.

    Attributes
    ----------
    needs : frozenset, a class attribute
        Which of "gradient", "accumulated_gradient", "growth_gradient" the trainer must compute for this policy, in the layers and
        steps that `needs_at` names.
    start_batches : int, a class attribute or a field
        Over how many batches `at_start` wants the gradient; 0 if it looks at none.

    Examples
    --------
    A policy that thins every layer out by a tenth of its smallest weights between epochs:

    >>> from dataclasses import dataclass
    >>> from sparsemlp.weights.change import Change
    >>> @dataclass(frozen=True)
    ... class Thin(Policy):
    ...     def between_epochs(self, view, state, progress, rng):
    ...         return Change(drop=view.smallest(view.n_connections // 10)), state
    >>> Thin().needs
    frozenset()
    """

    needs: ClassVar[frozenset] = frozenset()
    start_batches = 0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not isinstance(cls.needs, frozenset) or not cls.needs <= NEEDS:
            raise TypeError(f"{cls.__name__}.needs must be a frozenset of {', '.join(sorted(NEEDS))}; got {cls.needs!r}.")

    def start(self, view: LayerView, rng: np.random.Generator) -> Any:
        """Return the policy's state of one layer at the beginning of a run."""

    def at_start(self, views: list[LayerView], rngs: list[np.random.Generator]) -> list[Change | None]:
        """Return a list with a Change or None for each layer, before the first step of a run.

        Parameters
        ----------
        views : list of LayerView
            With `gradient`, the mean over the run's first `start_batches` batches, if that is not 0.
        rngs : list of numpy.random.Generator, one a layer
        """
        return [None] * len(views)

    def needs_at(self, index: int, state: Any, progress: Progress) -> frozenset[str]:
        """Return what of `needs` the coming step must compute for layer `index`: a frozenset.

        Asked before each step if `needs` is not empty, so cheap. A step that computes nothing takes the fused kernels. What the
        last step of an epoch computed is shown to `between_epochs` as well.
        """
        return self.needs

    def may_return(self, index: int, state: Any, progress: Progress) -> bool:
        """Return whether this policy may bring removed connections of a dense layer back by their gradients, which only a dense layer has.

        If so, the layer stays dense and masked, whatever its density; else it becomes sparse as soon as its density is below the
        trainer's `dense_above`.
        """
        return False

    def numbers(self, epoch: int, n_epochs: int) -> dict[str, float]:
        """Return what the history says of the change after epoch `epoch`: a dict of names and numbers; by default its zeta."""
        zeta = getattr(self, "zeta", None)
        return {} if zeta is None else {"zeta": float(as_schedule(zeta)(epoch, n_epochs))}

    def warn_before(self, network: Any, n_epochs: int, n_steps: int) -> None:
        """Warn, before a run of so many epochs of so many steps, if this policy will have nothing to do. By default it always has."""

    def on_step(self, view: LayerView, state: Any, progress: Progress, rng: np.random.Generator) -> tuple[Change | None, Any]:
        """After an optimizer step: (Change or None, state)."""
        return None, state

    def between_epochs(self, view: LayerView, state: Any, progress: Progress, rng: np.random.Generator) -> tuple[Change | None, Any]:
        """Return (Change or None, state), between two epochs, before the first step of the next."""
        return None, state

    def check_state(self, view: LayerView, state: Any) -> None:
        """Raise CheckpointError unless `state`, read from a file, is one that this policy may have of this layer.

        A policy with a state says here what lengths, dtypes and ranges it must have: `check_entries` in `state_checks.py` does. One that
        overrides neither this nor `start` has no state.
        """
        if state is not None and type(self).start is Policy.start:
            name = type(self).__name__
            raise CheckpointError(
                f"the state of {name} of layer {view.index} must be None; got {state!r:.80}. {name}.check_state may allow it."
            )


def warn_if_full(policy: Policy, network: Any) -> None:
    """Warn that a policy which moves connections finds every layer full: the net is dense, and stays so."""
    full = [w.n_connections == w.shape[0] * w.shape[1] for w in (layer.weights for _, layer in network.weighted)]
    if all(full):
        name = type(policy).__name__
        warnings.warn(
            f"{name} moves connections, and every layer of this network is full: it has nothing to do. Give sm.MLP(..., density=0.1), "
            "or a policy that prunes.",
            PolicyWarning,
            stacklevel=5,
        )
