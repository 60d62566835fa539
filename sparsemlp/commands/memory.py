"""Count the bytes of a sparse net in training, layer by layer, beside those of the dense net.

One training step is taken on random numbers, so that optimizer state and buffers exist; the dense net is only built with --dense.
The last line of each net is what the same net needs when it only predicts (sparsemlp.for_prediction).
"""

from .. import checks
from ..files import write_json
from ..models.named_nets import widths
from .files import output_path


def add_arguments(parser):
    """The command's arguments."""
    add = parser.add_argument
    add("--net", default="784-1000-1000-1000-10", metavar="WIDTHS", help="inputs, hidden layers, outputs (default: %(default)s)")
    add("--epsilon", type=float, metavar="NUMBER", help="Erdős–Rényi; default 20 without --density")
    add("--density", type=float, metavar="FRACTION", help="of the whole net, in place of --epsilon")
    add("--optimizer", default="sgd", choices=("sgd", "adam"), help="sgd with momentum, or Adam (default: %(default)s)")
    add("--batch-size", type=int, default=100, metavar="N", help="samples of the step (default: %(default)s)")
    add("--dense", action="store_true", help="build the dense net too")
    add("--seed", type=int, default=0, metavar="N", help="of everything that is drawn (default: %(default)s)")
    add("--json", type=output_path, metavar="FILE", help="write the numbers to this file")


def run(args):
    """Print the reports."""
    import numpy as np

    import sparsemlp as sm

    checks.integer("--batch-size", args.batch_size, 1)
    checks.integer("--seed", args.seed, 0)
    sizes = widths(args.net)
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
        small = sm.memory_report(sm.for_prediction(trainer))
        found[name] = {**report.to_dict(), "for_prediction": small.total}
        print(f"{name}, {trainer.network!r}\n{report}\n{'for prediction':>20}  {small.total:>15,} bytes\n")
    if args.dense:
        print(f"dense / sparse, total: {found['dense']['total'] / found['sparse']['total']:.1f}")
    if args.json:
        write_json(args.json, found)
