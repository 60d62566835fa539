"""`SparseMLPClassifier`."""

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

from .base import SparseMLP


class SparseMLPClassifier(ClassifierMixin, SparseMLP):
    """A classifier: a multi-layer perceptron that is sparse while it trains.

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
        Hold out `validation_fraction` of the samples, stratified by class; stop when their accuracy (for several labels a sample:
        their loss) has not improved by more than `tol` for `n_iter_no_change` epochs, and keep the weights of the best epoch.
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
    classes_ : array[n_classes]
    network_ : MLP
        The net; `sm.save(path, clf.network_)` keeps it, `network_.layers[0].weights.csr` is its first layer's matrix.
    history_ : History
        What happened in each epoch of the last `fit`.
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
        In `fit`: a setting or data that do not fit; one class only.

    Notes
    -----
    Inputs should have about unit scale: put a `StandardScaler` before it (for sparse X `MaxAbsScaler`, which keeps it sparse).
    y may hold integers, strings, booleans, or an indicator matrix of several labels a sample. Weights and activations are float32.
    `sample_weight` weighs the loss of training, not the score of early stopping.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> X, y, X_test, y_test = sm.datasets.load("digits")
    >>> clf = sm.SparseMLPClassifier((300, 300), density=0.1, max_iter=10, random_state=0).fit(X / 16, y)
    >>> clf.score(X_test / 16, y_test) > 0.9
    True
    >>> clf.network_
    MLP(64-300-300-10, 11,314 connections, density 0.101)
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _labels(self, y):
        """y as the network wants it: labels [n_samples], or an indicator matrix."""
        check_classification_targets(y)
        if type_of_target(y) == "multilabel-indicator":
            return y.toarray() if hasattr(y, "toarray") else np.asarray(y)
        return column_or_1d(y, warn=True)

    def _net_for(self, X, y, classes, seed, *, whole):
        """A new net; only `whole` data, not parts of it, decide its recipe."""
        looked_at = y if y.ndim == 2 else np.unique(y, return_inverse=True)[1]
        if y.ndim == 2:
            net = self._network(X, looked_at, "sigmoid", y.shape[1], seed, whole=whole)
        else:
            if classes.size < 2:
                raise ValueError(f"SparseMLPClassifier needs at least 2 classes in y; got 1 class: {classes[0]!r}.")
            net = self._network(X, looked_at, "softmax", classes.size, seed, whole=whole)
            net.classes = classes
        self.classes_ = classes
        return net

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for `max_iter` epochs.

        Parameters
        ----------
        X : array or scipy sparse matrix [n_samples, n_features]
        y : labels [n_samples], or 0 and 1 [n_samples, n_labels]
        sample_weight : float[n_samples], optional

        Returns
        -------
        self
        """
        go_on = self._goes_on()
        X, y = self._validated(X, y, reset=not go_on, multi_output=True)
        y = self._labels(y)
        classes = unique_labels(y)
        if go_on and not np.array_equal(classes, self.classes_):
            raise ValueError(f"With warm_start the classes must stay those of the first fit: {self.classes_}; got {classes}.")
        seed = self.network_.seed if go_on else self._seed()
        training, validation = self._split(X, y, self._weights(sample_weight, X), seed, stratify=y.ndim == 1)
        net = self.network_ if go_on else self._net_for(*training[:2], classes, seed, whole=True)
        return self._train(net, training, validation)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one pass over some samples, with the topology as it is; policies act in `fit` only.

        Parameters
        ----------
        X : array or scipy sparse matrix [n_samples, n_features]
        y : labels [n_samples], or 0 and 1 [n_samples, n_labels]
        classes : array of all labels that will ever come
            Needed in the first call; of an indicator matrix its column numbers.
        sample_weight : float[n_samples], optional

        Returns
        -------
        self
        """
        first = not hasattr(self, "network_")
        X, y = self._validated(X, y, reset=first, multi_output=True)
        if first and classes is None:
            raise ValueError("classes must list all labels in the first call of partial_fit; got None.")
        if classes is not None:
            classes = unique_labels(classes)
            if not first and not np.array_equal(classes, self.classes_):
                raise ValueError(f"classes must be those of the first call of partial_fit, {self.classes_}; got {classes}.")
        y = self._labels(y)
        net = self._net_for(X, y, classes, self._seed(), whole=False) if first else self.network_
        return self._train_on(net, X, y, self._weights(sample_weight, X))

    def predict(self, X: Any) -> np.ndarray:
        """Labels, shape [n_samples]; of several labels a sample 0 and 1, shape [n_samples, n_labels]."""
        X = self._rows(X)
        return self.network_.predict(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """float32[n_samples, n_classes], in the order of `classes_`; of several labels a sample each on its own."""
        X = self._rows(X)
        return self.network_.predict_proba(X)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithms of `predict_proba`; -inf where a probability underflowed to 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))
