"""Count the bytes of a sparse net in training, layer by layer, beside those of the dense net.

One training step is taken on random numbers, so that optimizer state and buffers exist; the dense net is only built with --dense.
"""

import pathlib

from ..callbacks import write_json


def add_arguments(parser):
    """The command's arguments."""
    add = parser.add_argument
    add("--net", default="784-1000-1000-1000-10", help="widths (default: %(default)s)")
    add("--epsilon", type=float, help="Erdős–Rényi; default 20 without --density")
    add("--density", type=float, help="of the whole net")
    add("--optimizer", default="sgd", choices=("sgd", "adam"), help="sgd with momentum, or Adam (default: %(default)s)")
    add("--batch-size", type=int, default=100)
    add("--dense", action="store_true", help="build the dense net too")
    add("--seed", type=int, default=0)
    add("--json", type=pathlib.Path, help="write the numbers to this file")


def run(args):
    """Print the reports."""
    import numpy as np

    import sparsemlp as sm

    try:
        sizes = [int(n) for n in args.net.split("-")]
    except ValueError:
        raise ValueError(f"--net must be widths such as 784-1000-10; got {args.net!r}.") from None
    epsilon = 20 if args.epsilon is None and args.density is None else args.epsilon
    topologies = {"sparse": sm.ErdosRenyi(epsilon=epsilon, density=args.density)}
    if args.dense:
        topologies["dense"] = sm.Dense()
    found = {}
    rng = np.random.default_rng(args.seed)
    X, y = rng.standard_normal((args.batch_size, sizes[0]), np.float32), rng.integers(0, sizes[-1], args.batch_size)
    for name, topology in topologies.items():
        trainer = sm.Trainer(
            sm.MLP(sizes, topology=topology, seed=args.seed),
            optimizer=sm.SGD(lr=0.01, momentum=0.9) if args.optimizer == "sgd" else sm.Adam(),
        )
        trainer.train_step(X, y)
        report = sm.memory_report(trainer)
        found[name] = report.to_dict()
        print(f"{name}, {trainer.network!r}\n{report}\n")
    if args.dense:
        print(f"dense / sparse: {found['dense']['total'] / found['sparse']['total']:.1f}")
    if args.json:
        write_json(args.json, found)
