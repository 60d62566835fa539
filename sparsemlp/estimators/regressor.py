"""`SparseMLPRegressor`."""

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d

from .base import SparseMLP


class SparseMLPRegressor(RegressorMixin, SparseMLP):
    """A regressor: a multi-layer perceptron that is sparse while it trains.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Units of each hidden layer.
    density : float in (0, 1]
        Connections of the whole net over those of the dense one, spread as in an Erdős–Rényi net; 1 is the dense net on BLAS.
    recipe : {"auto", "images", "tabular", "text"} or None
        Which inputs a unit sees, and what goes with it. "images": `Local` neighbourhoods of `image_shape`. "tabular": inputs that are
        correlated with each other, `Correlated` in the first layer. "text": inputs that tell of the target, `Weighted` in the first
        layer, and SET. "auto": images if `image_shape` is given; text if X holds no negative number and at least 90 % zeros; else
        tabular. None: Erdős–Rényi. Read where `topology` is not given and density is below 1; as many connections as `density`
        says, to a rounding a unit. `partial_fit` takes "auto" for None, as its samples may not tell of all.
    image_shape : (height, width) or (channels, height, width), optional
        A row of X is the flattened image, channels first.
    topology : topology or sequence of them, one a layer, optional
        In place of `density` and `recipe`. One that looks at the data is shown X and y.
    activation : {"relu", "leaky_relu", "sigmoid", "tanh", "identity"}
        Of the hidden layers.
    dropout : float in [0, 1)
        After every hidden layer. Hurts units of fewer than 100 inputs: a warning.
    policy : {"auto", "set", "static"} or Policy
        How the connections change between epochs. "auto": of images and tables not at all, of text by `SET(zeta=Cosine(0.3))`, without a
        recipe as "set", which is `SET(zeta=0.3)`.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or Optimizer
        "sgd" has Nesterov momentum 0.9.
    learning_rate : float, schedule or "auto"
        Of an optimizer that is given by name. "auto": `WarmupCosine` over `max_iter` epochs, up to 0.002 (SGD 0.05, RMSprop 0.001); in
        `partial_fit`, which has no end, that rate throughout. Sparse layers take larger steps, see `Trainer(lr_scale=)`.
    weight_decay : float or "auto"
        Of an optimizer that is given by name. "auto": 5e-4 from 10,000 samples, else 0, and 0 in `partial_fit`.
    batch_size : int or "auto"
        "auto": 32 below 10,000 samples, else 128.
    max_iter : int
        Epochs.
    shuffle : bool
        A new order in each epoch.
    early_stopping : bool
        Hold out `validation_fraction` of the samples; stop when their mean squared error, in units of the variance of y, has not
        improved by more than `tol` for `n_iter_no_change` epochs, and keep the weights of the best epoch.
    validation_fraction : float in (0, 1)
    n_iter_no_change : int
    tol : float
    warm_start : bool
        `fit` goes on from the net of the last `fit`.
    random_state : int, RandomState or None
        An int decides everything: the same bits for any number of threads.
    verbose : bool
        Show a progress bar on standard error.

    Attributes
    ----------
    network_ : MLP
        Predicts (y - y_mean_) / y_scale_.
    y_mean_, y_scale_ : float64[n_outputs]
        Mean and standard deviation of the y of the first `fit` or `partial_fit`: the net learns standardised targets, so that
        neither learning rate nor loss depends on their unit.
    history_ : History
        What happened in each epoch of the last `fit`; losses are of standardised targets.
    n_iter_ : int
        Epochs of the last `fit`, or calls of `partial_fit` since.
    loss_, loss_curve_ : float, list of float
        The training loss of the last epoch, of each epoch.
    n_features_in_, n_outputs_ : int
    recipe_ : str or None
        The recipe that was used.
    feature_names_in_ : array of str
        If X had names of type str for all its columns.

    Raises
    ------
    ValueError, TypeError
        In `fit`: a setting or data that do not fit.

    Notes
    -----
    As for `SparseMLPClassifier`, inputs should have about unit scale. y may have several columns; the loss is their mean.

    Examples
    --------
    >>> import numpy as np, sparsemlp as sm
    >>> X = np.random.default_rng(0).uniform(-1, 1, (500, 3))
    >>> y = 1000 + 50 * X[:, 0] * X[:, 1]
    >>> reg = sm.SparseMLPRegressor((50, 50), density=0.3, learning_rate=0.01, random_state=0).fit(X, y)
    >>> reg.score(X, y) > 0.9
    True
    """

    def _checked(self, X, y, sample_weight, *, first):
        """(X, standardised y, weights)"""
        X, y = self._validated(X, y, reset=first, multi_output=True, y_numeric=True)
        weights = self._weights(sample_weight, X)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        columns = y.reshape(len(y), -1).astype(np.float64)
        if first:
            self.y_mean_ = np.average(columns, axis=0, weights=weights)
            spread = np.sqrt(np.average((columns - self.y_mean_) ** 2, axis=0, weights=weights))
            # of a constant column rounding may leave a spread that means nothing
            self.y_scale_ = np.where(spread > 1e-12 * np.abs(self.y_mean_), spread, 1.0)
            self._one_column = y.ndim == 1
        elif columns.shape[1] != self.network_.n_out:
            raise ValueError(f"y must have {self.network_.n_out} columns, as in the first fit; got {columns.shape[1]}.")
        return X, (columns - self.y_mean_) / self.y_scale_, weights

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for `max_iter` epochs.

        Parameters
        ----------
        X : array or scipy sparse matrix [n_samples, n_features]
        y : numbers [n_samples] or [n_samples, n_outputs]
        sample_weight : float[n_samples], optional

        Returns
        -------
        self
        """
        go_on = self._goes_on()
        X, y, weights = self._checked(X, y, sample_weight, first=not go_on)
        seed = self.network_.seed if go_on else self._seed()
        training, validation = self._split(X, y, weights, seed, stratify=False)
        net = self.network_ if go_on else self._network(*training[:2], "identity", y.shape[1], seed, whole=True)
        return self._train(net, training, validation)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one pass over some samples, with the topology as it is; policies act in `fit` only.

        Parameters
        ----------
        X : array or scipy sparse matrix [n_samples, n_features]
        y : numbers [n_samples] or [n_samples, n_outputs]
            Of the first call, a sample that tells of the mean and the spread of all: it sets `y_mean_` and `y_scale_`.
        sample_weight : float[n_samples], optional

        Returns
        -------
        self
        """
        first = not hasattr(self, "network_")
        X, y, weights = self._checked(X, y, sample_weight, first=first)
        net = self._network(X, y, "identity", y.shape[1], self._seed(), whole=False) if first else self.network_
        return self._train_on(net, X, y, weights)

    def predict(self, X: Any) -> np.ndarray:
        """float64[n_samples], or [n_samples, n_outputs] if y had several columns."""
        X = self._rows(X)
        scores = self.network_.predict(X).reshape(X.shape[0], -1)
        values = self.y_mean_ + self.y_scale_ * scores
        return values[:, 0] if self._one_column else values
