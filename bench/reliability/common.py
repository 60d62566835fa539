"""What the reliability scripts share: options, small trainings, children that may crash, a JSON report."""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)  # this checkout, whatever is installed

from sparsemlp.commands.files import output_path  # noqa: E402

warnings.filterwarnings("ignore", "Some units do nothing")  # small random nets have such units


def options(description, **more):
    """Parsed command line; `more`: name -> default of further options."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a short version, as the tests run it")
    parser.add_argument("--json", type=output_path, metavar="FILE", help="write the result here")
    parser.add_argument("--seed", type=int, default=0)
    for name, default in more.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser.parse_args()


def commit():
    """The commit of this checkout, with a plus sign if it was changed since; None outside of a git repository."""
    git = ["git", "-C", ROOT]
    try:
        found = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain", "--", "sparsemlp", "bench/reliability"], capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found + ("+" if changed.stdout.strip() else "")


def report(args, name, ok, **result):
    """Print and perhaps write the result; the process ends with 0 if all is well."""
    import numba
    import scipy

    import sparsemlp

    versions = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__, "numba": numba.__version__}
    head = {"what": name, "ok": bool(ok), "quick": args.quick, "seed": args.seed, "sparsemlp": sparsemlp.__version__, "commit": commit()}
    value = {**head, "versions": versions, "machine": platform.machine(), "cpus": os.cpu_count(), **result}
    value = json.loads(json.dumps(value, default=lambda number: number.item()))  # of NumPy: an hour's result must not be lost for one
    print(json.dumps({k: v for k, v in value.items() if k not in ("failures", "rows")}, indent=1))
    for failure in result.get("failures", [])[:20]:
        print("FAILURE:", failure)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1)
    sys.exit(0 if ok else 1)


def data(seed=0, n=96, n_in=12, n_classes=4):
    """(X, y) : a problem that a small net learns."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, n_in)).astype(np.float32)
    return X, (X @ rng.standard_normal((n_in, n_classes))).argmax(axis=1)


def policies():
    """Every policy there is, with settings that act on small nets and short runs, by name."""
    import sparsemlp as sm

    few, early = sm.KStarts(k=3, p=0.4, drop_every=4), sm.DissipatingGradients(epsilon=2e-3, epochs=1)
    known = {
        "Static": sm.Static(),
        "SET": sm.SET(zeta=sm.ExponentialDecay(0.3, interest=0.01)),
        "SET magnitude": sm.SET(0.4, "magnitude", "initializer"),
        "FSA": sm.FSA(keep=0.3, every=2),
        "AnnealedPruning": sm.AnnealedPruning(layer=1, keep=0.4, first=1, post=1),
        "AnnealedPruning smallest": sm.AnnealedPruning(layer=0, keep=0.3, first=1, post=1, target="smallest"),
        "IterativePruning": sm.IterativePruning(sm.CubicSparsity(0.0, 0.8)),
        "IterativePruning steps": sm.IterativePruning(sm.CubicSparsity(0.0, 0.7), every=3),
        "OneTimePruning": sm.OneTimePruning(0.6, after=1),
        "ThresholdPruning": sm.ThresholdPruning(0.2, relative=True),
        "RandomPruning": sm.RandomPruning(0.4),
        "KStarts": few,
        "KStarts gradient": sm.KStarts(k=4, p=0.5, fitness="gradient", sums="absolute", drop_every=2),
        "KStarts accumulated": sm.KStarts(k=3, p=0.3, fitness="magnitude_and_accumulated_gradient", drop_every=3),
        "DissipatingGradients": sm.DissipatingGradients(epsilon=2e-3, epochs=3),
        "Combined": sm.Combined(few, early),
    }
    if hasattr(sm, "RigL"):
        known |= {"RigL": sm.RigL(every=3), "RigL candidates": sm.RigL(fraction=0.5, every=2, candidates=20)}
    if hasattr(sm, "SNIP"):
        known["SNIP"] = sm.SNIP(density=0.5, batches=2)
    for cls in policy_classes() - {type(policy) for policy in known.values()}:
        try:
            known[cls.__name__] = cls()
        except TypeError as error:
            raise TypeError(f"{cls.__name__} needs settings: give it some in policies() of {__file__}.") from error
    return dict(sorted(known.items()))


def policy_classes():
    """The classes of policies that the library offers."""
    import dataclasses

    import sparsemlp as sm
    from sparsemlp import policies as module

    found = {v for v in vars(module).values() if isinstance(v, type) and issubclass(v, sm.Policy) and dataclasses.is_dataclass(v)}
    return found - {sm.Policy}


def optimizers():
    import sparsemlp as sm

    return {
        "SGD": sm.SGD(lr=0.05),
        "momentum": sm.SGD(lr=sm.Cosine(0.05, until=1.0), momentum=0.9, weight_decay=1e-4),
        "Nesterov": sm.SGD(lr=0.05, momentum=0.9, nesterov=True),
        "Adam": sm.Adam(lr=0.003),
        "AdamW": sm.AdamW(lr=0.003, weight_decay=0.01),
        "RMSprop": sm.RMSprop(lr=0.002),
    }


def topologies():
    import sparsemlp as sm

    mixed = [sm.Uniform(0.3), sm.Dense(), sm.Uniform(0.6)]
    return {"sparse": sm.ErdosRenyi(density=0.3), "dense": sm.Dense(), "mixed": mixed}


def __getattr__(name):
    """`Stop`, a callback that ends a run after some epochs; made when asked for, so that this module imports without sparsemlp."""
    if name != "Stop":
        raise AttributeError(name)
    import sparsemlp as sm

    class Stop(sm.Callback):
        def __init__(self, epochs):
            self.epochs = epochs

        def on_epoch_end(self, trainer, record):
            if trainer.epoch == self.epochs:
                trainer.stop_training = "enough"

    return Stop


def state(network):
    """Every bit of a network, as bytes."""
    parts = []
    for layer in network.layers:
        w = layer.weights
        parts += [w.data, w.state, layer.bias, layer.bias_state]
        if not w.is_dense:
            parts += [w.indptr, w.indices, w.perm, w.inputs, w.out_ptr]
        elif w.removed is not None:
            parts.append(w.removed)
    return b"".join(p.tobytes() for p in parts)


def digest(network):
    """A hash of every bit of a network."""
    return hashlib.sha256(state(network)).hexdigest()


def child(code, *args, timeout=600, env=None):
    """(return code, output, errors) of Python code in a fresh process; the return code is None if it did not end."""
    full = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH")))), **(env or {})}
    try:
        done = subprocess.run([sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, timeout=timeout, env=full)
    except subprocess.TimeoutExpired as late:
        return None, str(late.stdout or ""), f"no end after {timeout} s"
    return done.returncode, done.stdout, done.stderr


def folder():
    return tempfile.TemporaryDirectory(prefix="reliability-")


def rss():
    """Resident bytes of this process, None where that is unknown."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def peak_rss():
    """The most resident bytes that this process has had, None where that is unknown."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Clock:
    def __init__(self):
        self.start = time.perf_counter()

    def __call__(self):
        return round(time.perf_counter() - self.start, 2)
