"""scikit-learn's MLPClassifier, one `partial_fit` a batch: the dense net in NumPy with its checks around it."""

import itertools
import warnings

import numpy as np
from sklearn.neural_network import MLPClassifier


def mlp(problem):
    """(run, info); optimizer "sgd" without Nesterov, or Adam."""
    if problem.dropout:
        raise ValueError("MLPClassifier has no dropout.")
    warnings.simplefilter("ignore")
    options = {"solver": "adam"} if problem.optimizer == "adam" else {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False}
    activation = {"sigmoid": "logistic"}.get(problem.activation, problem.activation)
    net = MLPClassifier(
        problem.sizes[1:-1], activation=activation, alpha=0.0, batch_size=problem.batch_size, learning_rate_init=problem.lr,
        random_state=problem.seed, **options,
    )  # fmt: skip
    classes = np.arange(problem.sizes[-1])
    batches = problem.batches()
    net.partial_fit(*batches[0], classes=classes)
    turns = itertools.cycle(batches)
    info = {"connections": sum(w.size for w in net.coefs_), "dtype": str(net.coefs_[0].dtype)}
    if problem.task == "predict":
        return lambda: net.predict(next(turns)[0]), info
    return lambda: net.partial_fit(*next(turns)), info
