"""The contract between a training run and a policy: `Policy`, what it is shown (`LayerView`), and when (`Progress`)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

NEEDS = frozenset({"gradient", "accumulated_gradient", "growth_gradient"})


@dataclass(frozen=True)
class Progress:
    """Where a run is when a policy is asked.

    Attributes
    ----------
    epoch : int
        From 0: the epoch of this step (`on_step`), or the one just finished (`between_epochs`, never the last one of a run).
    n_epochs : int
        Length of the run.
    step : int
        Optimizer steps from 0 over the whole life of the trainer: this step, or the number of steps taken (`between_epochs`).
    n_steps : int
        Steps per epoch.
    """

    epoch: int
    n_epochs: int
    step: int
    n_steps: int


@dataclass(frozen=True, eq=False)
class LayerView:
    """What a policy may see of a layer: arrays that it cannot write to, and a way to draw new values.

    Attributes
    ----------
    index : int
        Of the layer in the network, from 0.
    shape : (int, int)
        n_in, n_out.
    indptr, indices : int32[n_in + 1], int32[connections]; None for a dense layer
        CSR by input unit. They share the layer's memory and are valid until the next change.
    data : float[connections]
        Values in CSR order; of a dense layer row-major, float[n_in * n_out].
    is_dense : bool
        Stored as a 2-D array: it has no topology that a change could rewrite.
    gradient : float[connections] or None
        Mean over the last batch, aligned with `data`; for policies whose `needs` ask for it.
    accumulated_gradient : float[connections] or None
        Sum of `gradient` over the steps of the epoch so far.
    initializer : Initializer or None
        The layer's rule for new values.
    """

    index: int
    shape: tuple
    indptr: np.ndarray | None
    indices: np.ndarray | None
    data: np.ndarray
    is_dense: bool
    gradient: np.ndarray | None = None
    accumulated_gradient: np.ndarray | None = None
    initializer: object = None

    @classmethod
    def of(cls, layer, index, *, gradient=None, accumulated_gradient=None):
        """The view of a layer (anything with `weights` and `initializer`); costs microseconds, copies nothing."""
        weights = layer.weights
        indptr, indices = (None, None) if weights.is_dense else (_locked(weights.indptr), _locked(weights.indices))
        return cls(
            index,
            weights.shape,
            indptr,
            indices,
            _locked(weights.data),
            weights.is_dense,
            _locked(gradient),
            _locked(accumulated_gradient),
            getattr(layer, "initializer", None),
        )

    @property
    def n_connections(self):
        return self.data.size

    @property
    def density(self):
        """connections / (n_in * n_out)"""
        return self.data.size / (self.shape[0] * self.shape[1])

    def sample(self, n, rng, n_connections=None):
        """Draw values for n new connections by the layer's initializer.

        Parameters
        ----------
        n : int
        rng : numpy.random.Generator
        n_connections : int, optional
            Connections that the layer will have after the change, which set the scale; default: as many as now.

        Returns
        -------
        float[n] of the layer's dtype

        Raises
        ------
        TypeError
            The layer has no initializer.
        """
        if self.initializer is None:
            raise TypeError(f"Layer {self.index} must have an initializer to draw new values; got None. Set layer.initializer = sm.He().")
        n_connections = self.n_connections if n_connections is None else n_connections
        return self.initializer.sample(rng, n, *self.shape, n_connections, self.data.dtype)


class Policy:
    """Decides how a layer's topology changes; subclasses are frozen dataclasses of settings that never mutate what they see.

    A policy overrides `on_step`, `between_epochs` or both, and answers each with `(change, state)`: a `Change` or None, and
    its state of that layer, which it gets back the next time. State is None or a dict of arrays and numbers, so that a
    checkpoint can save it. All randomness comes from the generator that it is given: the same seed makes the same plan.

    Attributes
    ----------
    needs : frozenset, a class attribute
        Of "gradient", "accumulated_gradient", "growth_gradient": what the trainer must compute for this policy.

    Examples
    --------
    A policy that thins every sparse layer out by a tenth of its smallest weights between epochs:

    >>> from sparsemlp.topology.change import Change
    >>> from sparsemlp.topology.select import smallest_magnitude
    >>> @dataclass(frozen=True)
    ... class Thin(Policy):
    ...     def between_epochs(self, view, state, progress, rng):
    ...         if view.is_dense:
    ...             return None, state
    ...         return Change(drop=smallest_magnitude(view.data, view.n_connections // 10)), state
    >>> Thin().needs
    frozenset()
    """

    needs: ClassVar[frozenset] = frozenset()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if not isinstance(cls.needs, frozenset) or not cls.needs <= NEEDS:
            raise TypeError(f"{cls.__name__}.needs must be a frozenset of {', '.join(sorted(NEEDS))}; got {cls.needs!r}.")

    def start(self, view, rng):
        """The policy's state of one layer at the beginning of a run."""

    def on_step(self, view, state, progress, rng):
        """After an optimizer step: (Change or None, state)."""
        return None, state

    def between_epochs(self, view, state, progress, rng):
        """Between two epochs, before the first step of the next: (Change or None, state)."""
        return None, state


def _locked(array):
    """A view that cannot be written to."""
    if array is None:
        return None
    view = array.view()
    view.flags.writeable = False
    return view
