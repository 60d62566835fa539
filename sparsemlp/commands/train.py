"""Train a sparse net, the same net dense, and a small dense net of as many parameters, one after the other, and compare them.

Without arguments: the embedded digits, no network needed. All nets have the same data, order of batches, loss and optimizer. By the
recipe, units of images see neighbourhoods and units of tables correlated inputs, connections stay, and the learning rate rises and falls;
with --recipe none the sparse net is Erdős–Rényi, its connections move by SET, and the rate is one number. The inputs are standardised
with the mean and deviation of the data trained on, and bounded at 4 deviations; the test data is used once, after the last epoch. Ctrl-C
ends the run and keeps every epoch that had ended. Writes into --out: sparse.sparsemlp and the like (sparsemlp.load), learning-curves.png
and results.json.
"""

import contextlib
import json
import os
import pathlib
import re
import sys

from .. import checks
from ..models.named_nets import NETS, widths
from ..training.callbacks import Callback
from . import policy_text
from .arms import ARMS, ONE_RATE, RATES, networks, trainer
from .files import output_path

CLIP = 4.0  # deviations: border pixels, nearly always 0, would have values of hundreds
# arguments that a resumed run may change: they say where and how long, not what
FREE_TO_CHANGE = {"data_dir", "arms", "epochs", "threads", "out", "json", "resume", "overwrite", "quiet"}


def add_arguments(parser):
    """The command's arguments."""
    from ..datasets import names

    def add(group, name, help, **options):
        shown = "" if options.get("default") is None or "default" in help else " (default: %(default)s)"
        group.add_argument(name, help=help + shown, **options)

    group = parser.add_argument_group("data")
    add(group, "--dataset", "what to train on", default="digits", choices=names())
    add(group, "--data-dir", "folder that is searched first for the data set", metavar="DIR")
    add(
        group,
        "--validation",
        "share of the training data held out and evaluated after each epoch",
        type=float,
        default=0.0,
        metavar="FRACTION",
    )
    group = parser.add_argument_group("net")
    add(group, "--net", f"{', '.join(NETS)}, or all widths such as 784-300-100-10", default="mlp-1k")
    add(group, "--arms", "any of sparse, dense, small (dense, of as many parameters as sparse), with commas", default=",".join(ARMS))
    add(group, "--activation", "of the hidden layers", default="relu", choices=("relu", "leaky_relu", "sigmoid", "tanh"))
    add(group, "--dropout", "share of each hidden layer's outputs", type=float, default=0.0, metavar="FRACTION")
    group = parser.add_argument_group("sparsity")
    add(group, "--recipe", "what units see and how nets train: see above", default="auto", choices=("auto", "none"))
    add(group, "--epsilon", "Erdős–Rényi: EPSILON * (n_in + n_out) connections a layer (default: 20 without --density)", type=float)
    add(group, "--density", "in place of --epsilon: connections of the sparse net over those of the dense one", type=float)
    add(
        group,
        "--policy",
        "how the sparse net's connections change: set, static, or any policy as in Python, 'RigL(every=100)'; "
        "with --density 1 a net that begins dense, for policies that prune (default: static by the recipe, else set)",
        default=None,
    )
    add(group, "--zeta", "fraction that SET replaces (default: 0.3)", type=float)
    add(group, "--by", "how SET ranks connections (default: sign)", choices=("sign", "magnitude"))
    group = parser.add_argument_group("training")
    add(group, "--epochs", "in total, also with --resume", type=int, default=20, metavar="N")
    add(group, "--batch-size", "samples a step (default: 32 for digits, else 100)", type=int, metavar="N")
    add(group, "--optimizer", "the same for both nets", default="sgd", choices=("sgd", "adam", "adamw", "rmsprop"))
    add(
        group,
        "--lr",
        "learning rate, by the recipe the highest (default: sgd 0.05, adam 0.002; without recipe 0.03, 0.001)",
        type=float,
    )
    add(group, "--momentum", "of sgd (default: 0.9)", type=float)
    add(group, "--threads", "of sparse kernels and of BLAS (default: every usable CPU)", type=int, metavar="N")
    add(group, "--seed", "of everything that is drawn", type=int, default=0)
    group = parser.add_argument_group("files")
    add(group, "--out", "folder; a finished run in it is replaced (default: sparsemlp-runs/DATASET-NET-POLICY-sSEED)", type=output_path)
    add(group, "--json", "write the results to this file too", type=output_path, metavar="FILE")
    add(group, "--resume", "go on from the last whole epoch in --out, to the same bits as an uninterrupted run", action="store_true")
    add(group, "--overwrite", "replace an unfinished run in --out", action="store_true")
    add(group, "--quiet", "no progress on standard error", action="store_true")


def run(args):
    """Train the arms; returns the exit code."""
    import sparsemlp as sm

    from ..environment import machine
    from ..files import write_json
    from ..reports import comparison

    arms = _settle(args)
    policy = policy_text.parse(args.policy) if args.policy != "set" else sm.SET(zeta=args.zeta, by=args.by)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    if args.threads is not None:
        checks.integer("--threads", args.threads, 1, sm.engine.threads.available_cpus())
    sm.set_num_threads(args.threads)
    training, validation, (X_test, y_test), sizes = _data(args)
    out = args.out or pathlib.Path("sparsemlp-runs") / f"{args.dataset}-{args.net}-{_as_file_name(args.policy)}-s{args.seed}"
    settings = {k: str(v) if isinstance(v, pathlib.Path) else v for k, v in vars(args).items() if k != "command"}
    nets = networks(arms, sizes, training, args)  # all of them first: a wrong setting costs no training
    trainers = {arm: trainer(arm, net, policy, len(training[0]), args) for arm, net in nets.items()}
    results = {"settings": settings, "sizes": sizes, "machine": {**machine(), "load": load}, "finished": False, "arms": {}}
    if _limit_blas(args.threads):
        results["machine"]["blas_threads"] = args.threads
    elif args.threads and arms != ["sparse"]:
        sys.stderr.write(
            "BLAS keeps its own number of threads: install threadpoolctl, or set OPENBLAS_NUM_THREADS, for a fair comparison\n"
        )
    files = {arm: out / f"{arm}.sparsemlp" for arm in arms}
    earlier = _earlier(out, settings, args)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "results.json", results)
    held_out = f", {len(validation[0]):,} held out" if validation else ""
    print(f"{args.dataset}: {len(training[0]):,} rows to train on{held_out}, {len(X_test):,} to test")
    code = 0
    for arm in arms:
        run = earlier.get(arm) or trainers[arm]
        run.callbacks.append(sm.Checkpoint(files[arm]))
        bar = not args.quiet and sys.stderr.isatty()
        if not args.quiet and not bar:
            run.callbacks.append(_Lines(arm))
        print(f"{arm}: {run.network!r}" + (f", goes on after epoch {run.epoch}" if run.epoch else ""), flush=True)
        try:
            run.fit(*training, args.epochs, args.batch_size, validation, progress=bar, resume=args.resume)
        except KeyboardInterrupt:
            code = 130
            if files[arm].exists():  # back to the last whole epoch: table, figure and file tell of the same net
                run = sm.load(files[arm])
                run.history.stopped = "interrupted"
            else:
                sm.save(files[arm], run.network)
            sys.stderr.write(f"interrupted: {arm} keeps {run.epoch} of {args.epochs} epochs; --resume goes on from there\n")
        results["arms"][arm] = comparison.outcome(run, X_test, y_test)
        if code:
            break
    results["finished"] = not code
    written = [*(files[arm] for arm in results["arms"]), out / "results.json"]
    write_json(out / "results.json", results)
    if args.json:
        write_json(args.json, results)
        written.append(args.json)
    print("\n" + comparison.table(results["arms"]) + "\n")
    print("\n".join(comparison.remarks(results["arms"], len(X_test), load, sm.engine.threads.available_cpus())))
    if any(r["history"] for r in results["arms"].values()):
        from ..reports.plots import learning_curves

        written.append(learning_curves(results["arms"], out / "learning-curves.png", f"{args.dataset}, {'-'.join(map(str, sizes))}"))
    print("Written:" + "".join(f"\n  {path}" for path in written))
    return code


def _settle(args):
    """Fill in what depends on other arguments, refuse what nothing would read; returns the arms."""
    arms = list(dict.fromkeys(args.arms.split(",")))
    for arm in arms:
        checks.choice("--arms", arm, ARMS)
    checks.integer("--epochs", args.epochs, 1)
    checks.fraction("--validation", args.validation, open_high=True)
    _only(args, ("momentum",), args.optimizer == "sgd", "--optimizer sgd")
    if args.policy is None:
        args.policy = "set" if args.recipe == "none" else "static"
    _only(args, ("zeta", "by"), args.policy == "set", "--policy set")
    _only(args, ("epsilon", "density", "zeta", "by"), "sparse" in arms, "the sparse arm")
    defaults = {"batch_size": 32 if args.dataset == "digits" else 100, "lr": (RATES if args.recipe == "auto" else ONE_RATE)[args.optimizer]}
    defaults |= {"momentum": 0.9} if args.optimizer == "sgd" else {}
    defaults |= {"zeta": 0.3, "by": "sign"} if args.policy == "set" else {}
    defaults |= {"epsilon": 20.0} if args.density is None else {}
    for name, value in defaults.items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    checks.integer("--batch-size", args.batch_size, 1)
    return arms


def _only(args, names, used, by):
    for name in names:
        if getattr(args, name) is not None and not used:
            raise ValueError(f"--{name} is read by {by} only; leave it out.")


def _earlier(out, settings, args):
    """Trainers to go on with, by arm. Refuses to replace an unfinished run unasked and to resume one with other settings."""
    import sparsemlp as sm

    try:
        before = json.loads((out / "results.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    files = {arm: out / f"{arm}.sparsemlp" for arm in ARMS}
    found = {arm: sm.load(path) for arm, path in files.items() if path.exists()}
    found = {arm: trainer for arm, trainer in found.items() if isinstance(trainer, sm.Trainer)}  # not what was stopped in its first epoch
    if args.resume:
        for name, now in settings.items():
            was = before["settings"].get(name)
            if name == "epochs" and args.recipe == "auto" and was != now:
                raise ValueError(f"--resume goes on with {was} epochs: the recipe's learning rate falls over the whole run; got {now}.")
            if name not in FREE_TO_CHANGE and was != now:
                raise ValueError(f"--resume goes on with the settings of {out}: --{name.replace('_', '-')} was {was}, now {now}.")
        return found
    if found and not before["finished"] and not args.overwrite:
        epochs = ", ".join(f"{arm} {trainer.epoch} of {trainer.n_epochs} epochs" for arm, trainer in found.items())
        raise ValueError(f"{out} holds an unfinished run ({epochs}). Go on with --resume, or give --overwrite or another --out.")
    for path in files.values():
        path.unlink(missing_ok=True)
    return {}


def _as_file_name(text):
    """The text with what a file name should not hold as dashes: RigL-every-100."""
    return re.sub(r"[^\w.]+", "-", text).strip("-")


def _limit_blas(n):
    """Let BLAS use `n` threads, if it is given; returns whether that could be done."""
    if n is not None:
        with contextlib.suppress(ImportError):
            from threadpoolctl import threadpool_limits

            threadpool_limits(n, user_api="blas")
            return True
    return False


class _Lines(Callback):
    """A line an epoch on standard error, for where a progress bar would only fill a log."""

    def __init__(self, arm):
        self.arm = arm

    def on_epoch_end(self, trainer, record):
        found = ", ".join(f"{k.replace('_', ' ')} {record[k]:.4f}" for k in ("loss", "accuracy", "val_accuracy") if k in record)
        sys.stderr.write(f"{self.arm}, epoch {trainer.epoch} of {trainer.n_epochs}: {found}, {record['seconds']:.2f} s\n")


def _data(args):
    """(training, validation or None, test, widths), each pair (X, y) with X standardised by the rows trained on."""
    from .. import datasets
    from ..randomness import stream

    X, y, X_test, y_test = datasets.load(args.dataset, data_dir=args.data_dir)
    sizes = list(widths(args.net, X.shape[1], len(set(y.tolist()))))
    validation = None
    if args.validation:
        order = stream(args.seed, "split").permutation(len(X))
        n = max(round(args.validation * len(X)), 1)
        validation = X[order[:n]], y[order[:n]]
        X, y = X[order[n:]], y[order[n:]]
    standardizer = datasets.Standardizer.fit(X, clip=CLIP)
    if validation:
        validation = standardizer(validation[0]), validation[1]
    return (standardizer(X), y), validation, (standardizer(X_test), y_test), sizes
