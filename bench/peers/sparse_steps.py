"""A training step by hand around somebody else's sparse products: torch.sparse_csr, MKL's, SciPy's.

Activations are feature-major, (units, batch), so that each product is sparse times dense, as these libraries want it. Every layer keeps
two CSR structures, W' for the forward pass and W for the gradient of the inputs, int32 indices, and one vector of values; the second
structure's values are gathered through a permutation in each step.
"""

import itertools

import numpy as np

MOMENTUM = 0.9


class Layer:
    """Values, their state and the two structures of a layer; `products` is one of the classes below."""

    def __init__(self, matrix, products, problem):
        by_output = matrix.T.tocsr()  # (n_out, n_in)
        by_output.sort_indices()
        numbered = matrix.copy()
        numbered.data = np.arange(matrix.nnz, dtype=np.float64)
        order = numbered.T.tocsr()
        order.sort_indices()
        self.perm = np.argsort(order.data.astype(np.int64), kind="stable")  # CSR of W, from the values by output unit
        self.products = products(by_output, matrix, self.perm, problem.batch_size)
        self.optimizer, self.lr = problem.optimizer, problem.lr


def build(problem, products):
    """(run, info) for a class of products; ReLU, momentum or Adam, no dropout."""
    if problem.dropout or problem.activation != "relu":
        raise ValueError("The sparse peers are written for ReLU without dropout.")
    layers = [Layer(m, products, problem).products for m in problem.matrices()]
    optimizers = [products.optimizer(layer, problem) for layer in layers]
    turns = itertools.cycle([products.batch(X, y) for X, y in problem.batches()])
    last = len(layers) - 1

    def forward(X):
        kept = [products.transposed(X)]
        for k, layer in enumerate(layers):
            kept.append(layer.forward(kept[-1], relu=k < last))
        return kept

    def step():
        X, y = next(turns)
        kept = forward(X)
        loss, error = products.cross_entropy(kept[-1], y)
        for k in range(last, -1, -1):
            dw, db = layers[k].weight_gradient(error, kept[k])
            if k:
                error = layers[k].input_gradient(error, kept[k])
            optimizers[k](dw, db)
        return loss

    def predict():
        return products.best(forward(next(turns)[0])[-1])

    info = {"connections": sum(layer.n_connections for layer in layers)}
    return (step if problem.task == "train" else predict), info
