"""Train a sparse net and the same net dense, side by side, and compare them.

Without arguments: the embedded digits, no network needed. The test data is used once, after the last epoch. Inputs are standardised with
the training set's per-pixel mean and deviation. Writes the models, the learning curves and results.json into --out.
"""

import pathlib
import sys

from .. import checks
from ..callbacks import write_json
from ..experiments.runs import machine

HIDDEN = {"mlp-1k": (1000, 1000, 1000), "mlp-4k": (4000, 1000, 4000), "mlp-4k4l": (4000, 2000, 2000, 1000)}
ARMS = ("sparse", "dense")


def add_arguments(parser):
    """The command's arguments."""
    from ..datasets import names

    add = parser.add_argument
    add("--dataset", default="digits", choices=names())
    add("--data-dir", help="folder that is searched first for the data set")
    add("--net", default="mlp-1k", help=f"{', '.join(HIDDEN)}, or all widths such as 784-300-100-10 (default: %(default)s)")
    add("--arms", default="sparse,dense", help="sparse, dense, or both with a comma (default: %(default)s)")
    add("--epsilon", type=float, help="Erdős–Rényi: epsilon * (n_in + n_out) connections a layer (default: 20 without --density)")
    add("--density", type=float, help="in place of --epsilon: connections of the whole sparse net over those of the dense one")
    add("--policy", default="set", choices=("set", "static"), help="of the sparse net (default: %(default)s)")
    add("--zeta", type=float, default=0.3, help="fraction that SET replaces between epochs (default: %(default)s)")
    add("--by", default="sign", choices=("sign", "magnitude"), help="how SET ranks connections (default: %(default)s)")
    add("--epochs", type=int, default=10)
    add("--batch-size", type=int, default=100)
    add("--optimizer", default="sgd", choices=("sgd", "adam", "adamw", "rmsprop"))
    add("--lr", type=float, help="learning rate (default: 0.03 for sgd, else 0.001)")
    add("--momentum", type=float, default=0.9, help="of sgd (default: %(default)s)")
    add("--activation", default="relu", choices=("relu", "leaky_relu", "sigmoid", "tanh"))
    add("--dropout", type=float, default=0.0, help="after every hidden layer (default: %(default)s)")
    add("--validation", type=float, default=0.0, metavar="FRACTION", help="of the training data, held out and evaluated after each epoch")
    add("--threads", type=int, help="default: every usable CPU")
    add("--seed", type=int, default=0)
    add("--out", type=pathlib.Path, help="folder (default: sparsemlp-runs/DATASET-NET-POLICY-sSEED)")
    add("--json", type=pathlib.Path, help="write the results to this file too")
    add("--resume", action="store_true", help="go on from the checkpoints in --out, to the same bits as an uninterrupted run")
    add("--quiet", action="store_true", help="no progress bar")


def run(args):
    """Train the arms; returns the exit code."""
    import sparsemlp as sm

    arms = args.arms.split(",")
    for arm in arms:
        checks.choice("--arms", arm, ARMS)
    checks.fraction("--validation", args.validation, open_high=True)
    sm.set_num_threads(args.threads)
    X, y, X_test, y_test = sm.datasets.load(args.dataset, data_dir=args.data_dir)
    X, X_test = sm.datasets.standardize(X, X_test)
    X, y, validation = _split(X, y, args.validation, args.seed)
    sizes = _sizes(args.net, X.shape[1], len(set(y.tolist())))
    out = args.out or pathlib.Path("sparsemlp-runs") / f"{args.dataset}-{args.net}-{args.policy}-s{args.seed}"
    out.mkdir(parents=True, exist_ok=True)
    settings = {k: str(v) if isinstance(v, pathlib.Path) else v for k, v in vars(args).items() if k not in ("command", "json")}
    results = {"settings": settings, "sizes": sizes, "machine": machine(), "arms": {}}
    code = 0
    for arm in arms:
        trainer = _trainer(arm, sizes, args, out)
        print(f"{arm}: {trainer.network!r}")
        trainer.callbacks.append(sm.Checkpoint(out / f"{arm}.sparsemlp"))
        try:
            trainer.fit(
                X,
                y,
                epochs=args.epochs,
                batch_size=args.batch_size,
                validation_data=validation,
                progress=not args.quiet,
                resume=args.resume,
            )
        except KeyboardInterrupt:
            code = 130
            sys.stderr.write(f"interrupted: {arm} keeps what it learned in {trainer.epoch} whole epochs and a part of the next\n")
        results["arms"][arm] = _result(trainer, X_test, y_test)
        if code:
            sm.save(out / f"{arm}.sparsemlp", trainer.network)
            break
    print("\n" + table(results["arms"]))
    files = [out / f"{arm}.sparsemlp" for arm in results["arms"]]
    write_json(out / "results.json", results)
    if args.json:
        write_json(args.json, results)
    if any(r["history"] for r in results["arms"].values()):
        from ..reports.plots import learning_curves

        files.append(learning_curves(results["arms"], out / "learning-curves.png", args.dataset))
    print("\nwritten: " + ", ".join(map(str, [*files, out / "results.json", *([args.json] if args.json else [])])))
    return code


def _split(X, y, fraction, seed):
    """(X, y, (X, y) held out or None), by a seeded draw."""
    if fraction == 0:
        return X, y, None
    from ..randomness import stream

    order = stream(seed, "split").permutation(len(X))
    n = max(round(fraction * len(X)), 1)
    return X[order[n:]], y[order[n:]], (X[order[:n]], y[order[:n]])


def _sizes(net, n_features, n_classes):
    if net in HIDDEN:
        return [n_features, *HIDDEN[net], n_classes]
    try:
        sizes = [int(n) for n in net.split("-")]
    except ValueError:
        raise ValueError(
            f"--net must be one of {', '.join(HIDDEN)}, or widths such as {n_features}-300-{n_classes}; got {net!r}."
        ) from None
    if sizes[0] != n_features or sizes[-1] != n_classes or len(sizes) < 2:
        raise ValueError(f"--net must run from the data set's {n_features} features to its {n_classes} classes; got {net}.")
    return sizes


def _trainer(arm, sizes, args, out):
    import sparsemlp as sm

    if args.resume and (out / f"{arm}.sparsemlp").exists():
        found = sm.load(out / f"{arm}.sparsemlp")
        if isinstance(found, sm.Trainer):
            found.callbacks.clear()
            return found
    if arm == "dense":
        topology, policy = sm.Dense(), sm.Static()
    else:
        epsilon = 20 if args.epsilon is None and args.density is None else args.epsilon
        topology = sm.ErdosRenyi(epsilon=epsilon, density=args.density)
        policy = sm.SET(zeta=args.zeta, by=args.by) if args.policy == "set" else sm.Static()
    net = sm.MLP(sizes, topology=topology, activation=args.activation, dropout=args.dropout, seed=args.seed)
    if args.optimizer == "sgd":
        optimizer = sm.SGD(lr=0.03 if args.lr is None else args.lr, momentum=args.momentum)
    else:
        kind = {"adam": sm.Adam, "adamw": sm.AdamW, "rmsprop": sm.RMSprop}[args.optimizer]
        optimizer = kind(lr=0.001 if args.lr is None else args.lr)
    return sm.Trainer(net, optimizer=optimizer, policy=policy)


def _result(trainer, X_test, y_test):
    import statistics

    net, history = trainer.network, trainer.history
    return {
        "test_accuracy": net.score(X_test, y_test),
        # the first epoch also compiles or loads kernels
        "seconds_per_epoch": statistics.median(history["seconds"][1:] or history["seconds"]) if len(history) else None,
        "connections": net.n_connections,
        "parameters": net.n_parameters,
        "bytes": sum(sum(layer.nbytes().values()) for layer in net.layers),
        "stopped": history.stopped,
        "history": history.records,
    }


def table(arms):
    """The comparison as text: a row per quantity, a column per arm, and the ratio of dense to sparse.

    Examples
    --------
    >>> row = {"test_accuracy": 0.9, "seconds_per_epoch": 2.0, "connections": 1000, "parameters": 1010, "bytes": 20480}
    >>> print(table({"sparse": row, "dense": {**row, "seconds_per_epoch": 8.0}}))
                                sparse         dense   dense/sparse
    test accuracy               0.9000        0.9000         +0.00 points
    seconds per epoch            2.000         8.000           4.0
    connections                  1,000         1,000           1.0
    parameters                   1,010         1,010           1.0
    KiB, weights+state            20.0          20.0           1.0
    """
    rows = [("test accuracy", "test_accuracy", "{:.4f}", 1), ("seconds per epoch", "seconds_per_epoch", "{:.3f}", 1)]
    rows += [("connections", "connections", "{:,}", 1), ("parameters", "parameters", "{:,}", 1)]
    rows += [("KiB, weights+state", "bytes", "{:,.1f}", 1024)]
    both = len(arms) == 2
    lines = [" " * 20 + "".join(f"{arm:>14}" for arm in arms) + ("   dense/sparse" if both else "")]
    for label, name, form, unit in rows:
        values = [r[name] for r in arms.values()]
        line = f"{label:<20}" + "".join(f"{'-' if v is None else form.format(v / unit if unit > 1 else v):>14}" for v in values)
        if both and None not in values:
            sparse, dense = arms["sparse"][name], arms["dense"][name]
            line += f"{100 * (dense - sparse):>+14.2f} points" if name == "test_accuracy" else f"{dense / sparse:>14.1f}"
        lines.append(line)
    return "\n".join(lines)
