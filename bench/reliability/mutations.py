"""Damaged checkpoint files and hostile matrices: each must be a clear error or a valid object, never a crash, in bounded memory.

Runs in children, so that a crash is seen and counted: python bench/reliability/mutations.py [--quick] [--json FILE]
"""

import collections
import json
import os
import sys

import numpy as np
from common import Clock, Stop, child, data, folder, optimizers, options, peak_rss, policies, report, topologies
from hostile import try_matrix
from mutate import blind, generator, informed

PER_CHILD = 500
MEMORY = 300 * 2**20  # bytes that a child may take beyond what it has when everything is compiled


def originals(path):
    """Checkpoint files to damage, as bytes: one for each policy, with all optimizers, topologies, dtypes and labels; one for prediction."""
    import sparsemlp as sm

    X, y = data()
    labels = [y, np.array(["ant", "bee", "cow", "dög"])[y]]
    found = []
    for k, (name, policy) in enumerate(policies().items()):
        optimizer, topology = (list(table)[k % len(table)] for table in (optimizers(), topologies()))
        dtype = "float64" if k % 4 == 2 else "float32"
        net = sm.MLP([12, 20, 16, 4], topologies()[topology], dropout=0.2, dtype=dtype, seed=k)
        trainer = sm.Trainer(net, optimizers()[optimizer], policy=policy, dense_above=0.5 if k % 2 else 0.0)
        trainer.callbacks.append(Stop(2))
        trainer.fit(X, labels[k % 2], epochs=4, batch_size=32)
        sm.save(path, net if name == "Static" else trainer)
        with open(path, "rb") as file:
            found.append(file.read())
    sm.save(path, sm.for_prediction(trainer))
    with open(path, "rb") as file:
        found.append(file.read())
    return found


def use(thing):
    """Everything that a loaded object is for; a clear error is an answer too."""
    import sparsemlp as sm

    net = thing.network if isinstance(thing, sm.Trainer) else thing
    net.check()
    net.require_sound(bounds=True)
    X, y = data(1, n=40, n_in=net.n_in, n_classes=2)
    with np.errstate(all="ignore"):
        net.predict(X)
        try:
            trainer = thing if isinstance(thing, sm.Trainer) else sm.Trainer(thing)  # TypeError: for prediction only
            net.classes = None
            target = y if net.output == "softmax" else np.zeros((40, net.n_out), np.float32)
            trainer.fit(X, target, epochs=min(trainer.epoch, 5) + 1, batch_size=20, resume=trainer.epoch <= 5)
        except (ValueError, TypeError, FloatingPointError, OverflowError) as error:
            return type(error).__name__
        net.check()
    return "trains"


def try_file(raw, path):
    """What became of one damaged file."""
    import sparsemlp as sm

    with open(path, "wb") as file:
        file.write(raw)
    try:
        thing = sm.load(path)
    except sm.CheckpointError as error:
        return "CheckpointError" if len(str(error)) > len(path) + 30 else f"unclear: {error}"
    return f"loads, {use(thing)}"


def work(what, seed, first, n):
    """In a child: n cases from `first`; prints a JSON line."""
    outcomes, failures = collections.Counter(), []
    with folder() as place:
        path = os.path.join(place, "x.sm")
        raws = originals(path)
        for raw in raws:
            try_file(raw, path)  # compiles
        before = peak_rss()
        for k in range(first, first + n):
            with open(os.path.join(sys.argv[5], "now"), "w") as file:
                file.write(str(k))  # which case it was, if this process dies
            rng = generator(f"{seed}.{k}")
            try:
                if what == "files":
                    raw = raws[k % len(raws)]
                    outcome = try_file((informed if rng.random() < 0.6 else blind)(raw, rng), path)
                else:
                    outcome = try_matrix(k, np.random.default_rng([seed, k]), use)
            except Exception as error:  # noqa: BLE001 - the point is to see every kind
                outcome = f"raises {type(error).__name__}"
                failures.append(f"{what} {k}: {type(error).__name__}: {error}"[:300])
            if outcome.startswith("unclear"):
                failures.append(f"{what} {k}: {outcome}")
                outcome = "unclear"
            outcomes[outcome] += 1
        grown = None if before is None else peak_rss() - before
    print(json.dumps({"outcomes": outcomes, "failures": failures, "grown": grown}))


def run(args, what, total):
    outcomes, failures, most, crashes = collections.Counter(), [], 0, 0
    here = os.path.dirname(os.path.abspath(__file__))
    code = f"import sys; sys.path.insert(0, {here!r}); import mutations as m; m.work(sys.argv[1], *map(int, sys.argv[2:5]))"
    first = 0
    while first < total:
        n = min(PER_CHILD, total - first)
        with folder() as place:
            status, out, err = child(code, what, args.seed, first, n, place, timeout=900, env={"SPARSEMLP_DEBUG": "1"})
            if status != 0:
                with open(os.path.join(place, "now")) as file:
                    case = file.read()
                crashes += 1
                failures.append(f"{what} {case}: the process ended with {status}: {err[-500:]}")
                first = int(case) + 1
                continue
        result = json.loads(out.splitlines()[-1])
        outcomes.update(result["outcomes"])
        failures += result["failures"]
        most = max(most, result["grown"] or 0)
        first += n
        print(f"{what}: {first} of {total}, {len(failures)} failures", flush=True)
    found = dict(outcomes.most_common())
    unclear = found.pop("unclear", 0)
    return {
        "cases": total,
        "per_child": PER_CHILD,
        "crashes": crashes,
        "unclear": unclear,
        "outcomes": found,
        "peak_growth_bytes": most,
    }, failures


def main():
    args = options(__doc__, files=20_000, matrices=5_000)
    clock = Clock()
    if args.quick:
        args.files, args.matrices = min(args.files, 170), min(args.matrices, 120)
    files, failures = run(args, "files", args.files)
    matrices, more = run(args, "matrices", args.matrices)
    failures += more
    bounded = max(files["peak_growth_bytes"], matrices["peak_growth_bytes"]) < MEMORY
    report(args, "mutations", not failures and bounded, files=files, matrices=matrices, failures=failures, seconds=clock())


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main()
