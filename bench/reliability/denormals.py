"""Seconds per epoch of trainings on numbers so small that processors treat them slowly, against the same trainings on ordinary numbers.

Pairs are timed in turn, an epoch each; the ratio is that of the fastest epochs. python bench/reliability/denormals.py [--quick]
[--json FILE] [--epochs 15]
"""

import numpy as np
from common import Clock, options, report

LIMIT = 1.5
N, WIDTH = 512, 400


def net_and_data(topology, activation, dtype, inputs, weights):
    """A trainer and its data; inputs and weights are scaled by these numbers."""
    import sparsemlp as sm

    rng = np.random.default_rng(0)
    X = (rng.standard_normal((N, 200)) * inputs).astype(dtype)
    y = rng.integers(0, 2, N)
    net = sm.MLP([200, WIDTH, WIDTH, 2], topology, activation=activation, dtype=dtype, seed=0)
    for layer in net.layers:
        layer.weights.data *= net.dtype.type(weights)
    return net, X, y


def cases():
    """name -> (topology, activation, dtype, optimizer, inputs, weights): what makes denormals, and where."""
    import sparsemlp as sm

    sparse, dense = sm.Uniform(0.2), sm.Dense()
    momentum, adam = sm.SGD(lr=1e-3, momentum=0.9), sm.Adam(lr=1e-4)
    return {
        "denormal inputs": (sparse, "identity", "float32", momentum, 1e-39, 1),
        "denormal inputs, tanh": (sparse, "tanh", "float32", momentum, 1e-39, 1),
        "denormal products": (sparse, "identity", "float32", momentum, 1e-20, 1e-19),
        "denormal weights": (sparse, "identity", "float32", sm.SGD(lr=1e-30, momentum=0.9), 1, 1e-39),
        "denormal gradients": (sparse, "identity", "float32", momentum, 1, 1e-13),
        "denormal state, Adam": (sparse, "relu", "float32", adam, 1e-18, 1),
        "vanishing gradients, sigmoid": (sparse, "sigmoid", "float32", momentum, 1, 1e-12),
        "denormal inputs, float64": (sparse, "identity", "float64", momentum, 1e-310, 1),
        "denormal inputs, dense layers": (dense, "identity", "float32", momentum, 1e-39, 1),
        "denormal weights, dense layers": (dense, "identity", "float32", sm.SGD(lr=1e-30, momentum=0.9), 1, 1e-39),
    }


def epoch_seconds(trainer, X, y, n_done):
    history = trainer.fit(X, y, epochs=n_done + 1, batch_size=128, resume=n_done > 0)
    return history["seconds"][-1]


def main():
    import sparsemlp as sm

    args = options(__doc__, epochs=15)
    clock, rows, failures = Clock(), [], []
    epochs = 2 if args.quick else args.epochs
    for name, (topology, activation, dtype, optimizer, inputs, weights) in cases().items():
        trainers = []
        for i, w in ((inputs, weights), (1, 1)):
            net, X, y = net_and_data(topology, activation, dtype, i, w)
            trainers.append((sm.Trainer(net, optimizer), X, y))
        seconds = [[], []]
        for epoch in range(epochs):
            for found, (trainer, X, y) in zip(seconds, trainers, strict=True):
                found.append(epoch_seconds(trainer, X, y, epoch))
        tiny, ordinary = (min(s[1:]) for s in seconds)
        finite = all(np.isfinite(layer.weights.data).all() for layer in trainers[0][0].network.layers)
        rows.append({"case": name, "tiny_ms": 1e3 * tiny, "ordinary_ms": 1e3 * ordinary, "ratio": tiny / ordinary})
        print(f"{name:<34} {1e3 * tiny:8.2f} ms {1e3 * ordinary:8.2f} ms {tiny / ordinary:6.2f}", flush=True)
        if not finite or (tiny > LIMIT * ordinary and not args.quick):
            failures.append(f"{name}: {tiny / ordinary:.2f} times the time of ordinary numbers")
    report(args, "denormals", not failures, limit=LIMIT, rows=rows, failures=failures, seconds=clock())


if __name__ == "__main__":
    main()
