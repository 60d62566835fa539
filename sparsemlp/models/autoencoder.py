"""`Autoencoder`: an MLP that reproduces its input through a narrow layer, the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .mlp import MLP
from .network import Network

if TYPE_CHECKING:
    from ..layers.base import Layer


class Autoencoder(MLP):
    """An autoencoder is an encoder and its mirror image, trained to reproduce the input: `trainer.fit(X, X, ...)`.

    Parameters
    ----------
    sizes : sequence of int
        Widths from the inputs to the code; the decoder mirrors them: [784, 128, 64] is 784-128-64-128-784.
    topology : topology or sequence of them, one a layer, optional
        Of encoder and decoder; a decoder layer of its own Erdős–Rényi draw is not the transpose of the encoder's.
    output : {"identity", "sigmoid"}
        Of the last layer. The loss of "identity" is the mean squared error; for "sigmoid" say `Trainer(..., loss="mse")`, or leave the
        binary cross-entropy.
    **options
        As for `MLP`: activation (of the code too), density, dropout, input_dropout, slope, initializer, dtype, seed.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> X, _, X_test, _ = sm.datasets.load("digits")
    >>> net = sm.Autoencoder([64, 32, 8], density=0.5, activation="tanh", seed=0)
    >>> history = sm.Trainer(net, optimizer=sm.Adam(lr=0.003)).fit(X / 16, X / 16, epochs=10, batch_size=32)
    >>> net.sizes, net.transform(X_test / 16).shape
    ([64, 32, 8, 32, 64], (360, 8))
    >>> net.reconstruction_error(X_test / 16) < 0.04  # the mean image alone: 0.073
    True
    """

    def __init__(self, sizes: Any, topology: Any = None, *, output: str = "identity", **options: Any) -> None:
        sizes = list(sizes)
        if len(sizes) < 2:
            raise ValueError(f"sizes must name at least the inputs and the code, such as [784, 128, 64]; got {sizes}.")
        if output not in ("identity", "sigmoid"):
            raise ValueError(f"An autoencoder's output must be 'identity' or 'sigmoid'; got {output!r}.")
        super().__init__([*sizes, *sizes[-2::-1]], topology, output=output, **options)

    @property
    def encoder(self) -> Network:
        """The first half of the layers, which it shares, as a network whose `predict` gives the code."""
        return Part(self.layers[: self._n_encoder], seed=self.seed)

    @property
    def decoder(self) -> Network:
        """The second half, likewise: from code to reconstruction."""
        return Part(self.layers[self._n_encoder :], seed=self.seed)

    @property
    def _n_encoder(self) -> int:
        if len(self.layers) % 2 or self.n_in != self.n_out:
            raise ValueError(f"Widths must be mirrored around the code; got {self.sizes}. Use sm.Network for other chains.")
        return len(self.layers) // 2

    def transform(self, X: Any) -> np.ndarray:
        """Return the code of each row.

        Parameters
        ----------
        X : array or scipy sparse matrix [n_samples, n_in]

        Returns
        -------
        float[n_samples, n_code]
        """
        return self.encoder._scores(X)

    def inverse_transform(self, code: Any) -> np.ndarray:
        """Return what the decoder makes of codes.

        Parameters
        ----------
        code : array [n_samples, n_code]

        Returns
        -------
        float[n_samples, n_in]
        """
        return self.decoder._scores(code)

    def predict(self, X: Any) -> np.ndarray:
        """Return the reconstruction of each row, float[n_samples, n_in], also for a sigmoid output."""
        return self._scores(X)

    def reconstruction_error(self, X: Any) -> float:
        """Return mean squared error of the reconstruction, over rows and columns."""
        return self.evaluate(X, X, loss="mse")["loss"]


class Part(Network):
    """A part is consecutive layers of a network, shared with it; it predicts the activation of its last layer.

    Parameters
    ----------
    layers : list of Linear
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> net = MLP([3, 2, 4], activation="tanh", output="identity", seed=0)
    >>> Part(net.layers[:1]).predict(np.zeros((1, 3)))
    array([[0., 0.]], dtype=float32)
    """

    def __init__(self, layers: list[Layer], seed: int = 0) -> None:
        super().__init__(layers, output="identity", seed=seed)

    def _output_activation(self, kind: str) -> Any:
        return None  # the last layer's own
