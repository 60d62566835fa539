"""The systems that need nothing but this package. A system is a function of a problem that returns (run, info).

`run()` takes one training step, or predicts one batch; `info` is a dict for the results. It is named "module:function", so that a worker
process can import it.
"""

import itertools

import numpy as np

from .problem import MOMENTUM

OWN = {
    "sparsemlp": "sparsemlp.benchmark.systems:sparse",
    "sparsemlp dense": "sparsemlp.benchmark.systems:dense",
    "numpy dense": "sparsemlp.benchmark.numpy_dense:dense",
}


def _optimizer(problem):
    from ..optimizers import SGD, Adam

    return Adam(lr=problem.lr) if problem.optimizer == "adam" else SGD(problem.lr, MOMENTUM if problem.optimizer == "momentum" else 0.0)


def _system(problem, topology):
    import sparsemlp as sm

    net = sm.MLP(problem.sizes, topology=topology, activation=problem.activation, dropout=problem.dropout, seed=problem.seed)
    turns = itertools.cycle(problem.batches())
    info = {"connections": net.n_connections}
    if problem.task == "predict":
        net.classes = np.arange(problem.sizes[-1])
        return lambda: net.predict(next(turns)[0]), info
    trainer = sm.Trainer(net, optimizer=_optimizer(problem), lr_scale=None)
    return lambda: trainer.train_step(*next(turns)), info


def sparse(problem):
    """A step through the public `Trainer.train_step`, or `predict`, of the problem's topology."""
    return _system(problem, problem.topology)


def dense(problem):
    """The same of the dense net of these widths, `topology=Dense()`: BLAS with this package's loop around it."""
    from ..topology import Dense

    return _system(problem, Dense())
