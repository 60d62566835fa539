"""`SparseMLPRegressor`."""

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
    topology : topology or sequence of them, one a layer, optional
        In place of `density`.
    activation : {"relu", "leaky_relu", "sigmoid", "tanh", "identity"}
        Of the hidden layers.
    dropout : float in [0, 1)
        After every hidden layer.
    policy : {"set", "static"} or Policy
        How the connections change between epochs: "set" is `SET(zeta=0.3)`.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or Optimizer
        "sgd" has momentum 0.9.
    learning_rate : float or schedule
        Of an optimizer that is given by name.
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

    def _prepare(self, X, y, sample_weight, *, first):
        """(net, X, standardised y, weights)"""
        X, y = self._validated(X, y, reset=first, multi_output=True, y_numeric=True)
        weights = self._weights(sample_weight, X)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        columns = y.reshape(len(y), -1).astype(np.float64)
        if first:
            net = self._network(columns.shape[1], "identity")
            self.y_mean_ = np.average(columns, axis=0, weights=weights)
            spread = np.sqrt(np.average((columns - self.y_mean_) ** 2, axis=0, weights=weights))
            # of a constant column rounding may leave a spread that means nothing
            self.y_scale_ = np.where(spread > 1e-12 * np.abs(self.y_mean_), spread, 1.0)
            self._one_column = y.ndim == 1
        else:
            net = self.network_
            if columns.shape[1] != net.n_out:
                raise ValueError(f"y must have {net.n_out} columns, as in the first fit; got {columns.shape[1]}.")
        return net, X, (columns - self.y_mean_) / self.y_scale_, weights

    def fit(self, X, y, sample_weight=None):
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
        return self._train(*self._prepare(X, y, sample_weight, first=not self._goes_on()))

    def partial_fit(self, X, y, sample_weight=None):
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
        return self._train_on(*self._prepare(X, y, sample_weight, first=not hasattr(self, "network_")))

    def predict(self, X):
        """float64[n_samples], or [n_samples, n_outputs] if y had several columns."""
        X = self._rows(X)
        scores = self.network_.predict(X).reshape(X.shape[0], -1)
        values = self.y_mean_ + self.y_scale_ * scores
        return values[:, 0] if self._one_column else values
