"""What the systems of a benchmark are given to do: a net, batches, an optimizer, the same for each of them."""

from dataclasses import asdict, dataclass

import numpy as np
import scipy.sparse as sp

from .. import checks
from ..randomness import stream
from ..topology import Dense, ErdosRenyi, Uniform, resolve

MOMENTUM = 0.9


@dataclass(frozen=True)
class Problem:
    """One net and what is to be done with it.

    Parameters
    ----------
    sizes : tuple of int
        Units, inputs first.
    epsilon : float, optional
        Erdős–Rényi: epsilon * (n_in + n_out) connections a layer.
    density : float, optional
        In place of epsilon: the same density in every layer. Neither: a dense net.
    batch_size : int
    optimizer : {"momentum", "adam", "sgd"}
        SGD with momentum 0.9, Adam, or SGD without momentum.
    activation : {"relu", "sigmoid", "tanh"}
    dropout : float in [0, 1)
        After every hidden layer.
    task : {"train", "predict"}
        A training step on a batch, or the prediction of its labels.
    lr : float
        Small: no system may meet the denormal numbers of a net that has learned its few batches.
    seed : int

    Examples
    --------
    >>> Problem((20, 30, 10), epsilon=2).matrices()[0].shape
    (20, 30)
    """

    sizes: tuple
    epsilon: float | None = None
    density: float | None = None
    batch_size: int = 128
    optimizer: str = "momentum"
    activation: str = "relu"
    dropout: float = 0.0
    task: str = "train"
    lr: float = 1e-4
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "sizes", tuple(int(n) for n in self.sizes))
        if self.epsilon is not None and self.density is not None:
            raise ValueError("A problem takes epsilon or density, not both.")
        checks.integer("batch_size", self.batch_size, 1)
        checks.choice("optimizer", self.optimizer, ("momentum", "adam", "sgd"))
        checks.choice("task", self.task, ("train", "predict"))

    @property
    def topology(self):
        if self.epsilon is None and self.density is None:
            return Dense()
        return ErdosRenyi(epsilon=self.epsilon) if self.density is None else Uniform(self.density)

    def matrices(self):
        """The layers' weights for systems that keep their own: float32 csr_array[n_in, n_out], dense float32[n_in, n_out] without sparsity.

        Positions are those of `MLP(seed=seed)`; values are normal, scaled by the mean fan-in. No kernel is compiled or run.
        """
        found = []
        for k, (layer, n_in, n_out) in enumerate(zip(resolve(self.topology, self.sizes), self.sizes, self.sizes[1:], strict=False)):
            rng = stream(self.seed, "weights", k)
            if isinstance(layer, Dense):
                found.append(rng.standard_normal((n_in, n_out), np.float32) * np.float32((2 / n_in) ** 0.5))
                continue
            indptr, indices = layer.build(n_in, n_out, stream(self.seed, "topology", k))
            values = rng.standard_normal(indices.size, np.float32) * np.float32((2 * n_out / indices.size) ** 0.5)
            found.append(sp.csr_array((values, indices, indptr), shape=(n_in, n_out)))
        return found

    def batches(self, n=8):
        """`n` batches of (float32[batch_size, n_in], int64[batch_size]) that a system goes through in turn."""
        rng = stream(self.seed, "shuffle")
        shape = self.batch_size, self.sizes[0]
        return [(rng.standard_normal(shape, np.float32), rng.integers(0, self.sizes[-1], self.batch_size)) for _ in range(n)]

    def to_dict(self):
        """For JSON; `Problem(**found)` is the problem again."""
        return {**asdict(self), "sizes": list(self.sizes)}
