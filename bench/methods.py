"""All methods on one small job: accuracy at a tenth of the connections, and what the training multiplied.

    python bench/methods.py            # runs what is missing, then writes bench/results/methods/README.md
    python bench/methods.py --report   # only writes it

LeNet-300-100 (784-300-100-10) on the first 5,000 training images of Fashion-MNIST, of which 1,000 validate where a method asks for that;
10 epochs, batch 100, Adam at 0.001, ReLU, no dropout, pixels standardised; the test set's 10,000 images once, after training. A scale at
which every method can be run many times: not the papers' settings, see bench/papers for those. No times are taken: "work" is the number of
connections times samples that the training went through, over that of the dense net; connections are counted after each epoch.
EXD's interest is 0.2, for 10 epochs; its paper's is 0.01, for 500. The adaptive rate's trial drop is its allowed drop, 2 points.
"""

import argparse
import json
import pathlib
import statistics
import warnings

import sparsemlp as sm
from sparsemlp.environment import machine
from sparsemlp.files import write_json, write_text

SIZES, IMAGES, EPOCHS, HALF = [784, 300, 100, 10], 5000, 10, 5
DENSE = sum(a * b for a, b in zip(SIZES[:-1], SIZES[1:], strict=True))
OUT = pathlib.Path(__file__).parent / "results" / "methods"
SPARSE = {"density": 0.1}
RADIX = [*sm.RadixNet((10, 10), (8, 3, 1)), sm.Dense()]

# name: (group, policy, what MLP takes)
POLICIES = {
    "dense": ("dense", sm.Static(), {}),
    "small dense, 784-32-32-10": ("dense", sm.Static(), {"sizes": [784, 32, 32, 10]}),
    "static": ("sparse from the first step", sm.Static(), SPARSE),
    "static, uniform": ("sparse from the first step", sm.Static(), {"topology": sm.Uniform(0.1)}),
    "random expander": ("sparse from the first step", sm.Static(), {"topology": sm.RandomExpander(density=0.1)}),
    "RadiX-Net": ("sparse from the first step", sm.Static(), {"topology": RADIX}),
    "small world": (
        "sparse from the first step",
        sm.Static(),
        {"topology": [sm.SmallWorld(0.1, rewire=0.1), sm.SmallWorld(0.1, rewire=0.1), sm.Dense()]},
    ),
    "SET": ("sparse from the first step", sm.SET(zeta=0.3), SPARSE),
    "SET by magnitude": ("sparse from the first step", sm.SET(zeta=0.3, by="magnitude"), SPARSE),
    "SET, EXD": ("sparse from the first step", sm.SET(zeta=sm.ExponentialDecay(0.3, interest=0.2)), SPARSE),
    "SET, LDV": ("sparse from the first step", sm.SET(zeta=sm.LinearDecrease(0.3, 0.01)), SPARSE),
    "SET, OSV": ("sparse from the first step", sm.SET(zeta=sm.Oscillating(0.3, 0.01, k=1)), SPARSE),
    "RigL": ("sparse from the first step", sm.RigL(every=20), SPARSE),
    "SNIP": ("pruned in the first steps", sm.SNIP(density=0.1), {}),
    "random pruning": ("pruned in the first steps", sm.RandomPruning(p=0.9), {}),
    "K-starts": ("pruned in the first steps", sm.KStarts(k=10, p=0.9), {}),
    "dissipating gradients": ("pruned in the first steps", sm.DissipatingGradients(epsilon=1e-4, epochs=2), {}),
    "combined": ("pruned in the first steps", sm.Combined(sm.KStarts(k=10, p=0.8), sm.DissipatingGradients(1e-4, 2)), {}),
    "iterative": ("pruned along the way", sm.IterativePruning(sm.CubicSparsity(0, 0.9, begin=1, end=7), every=20), {}),
    "one-time": ("pruned along the way", sm.OneTimePruning(0.9, after=HALF), {}),
    "threshold": ("pruned along the way", sm.ThresholdPruning(0.06), {}),
    "FSA": ("pruned along the way", sm.FSA(keep=0.1), {}),
    "annealed, layer 0": ("pruned along the way", sm.AnnealedPruning(layer=0, keep=0.1, first=2, post=3), {}),
}
LOOP = {"allowed_drop": 0.02, "retrain_epochs": 2, "max_rounds": 10, "train_epochs": EPOCHS}
PROCEDURES = {
    "train, prune, retrain": sm.TrainPruneRetrain(0.9, train_epochs=HALF, retrain_epochs=HALF),
    "lottery ticket, original weights": sm.LotteryTicket(0.9, epochs=EPOCHS),
    "lottery ticket, new weights": sm.LotteryTicket(0.9, epochs=EPOCHS, weights="new"),
    "prune, retrain, rate 0.02": sm.PruneRetrain(rate=0.02, **LOOP),
    "adaptive prune, retrain": sm.AdaptivePruneRetrain(**LOOP, trial_drop=LOOP["allowed_drop"]),
}
GROUP_OF_PROCEDURES = "loops around training"


def load():
    X, y, X_test, y_test = sm.datasets.load("fashion-mnist")
    X, X_test = sm.datasets.standardize(X[:IMAGES], X_test)
    return X, y[:IMAGES], X_test, y_test


def work(histories):
    """Connections times samples of all epochs, in units of the dense net's 10 epochs over all images."""
    total = sum(sum(r["connections"]) * r["samples"] for h in histories for r in h.records)
    return total / (DENSE * EPOCHS * IMAGES)


def run(name, seed, X, y, X_test, y_test):
    """One arm with one seed: accuracy, connections, work."""
    options = dict(POLICIES[name][2]) if name in POLICIES else {}
    net = sm.MLP(options.pop("sizes", SIZES), seed=seed, **options)
    trainer = sm.Trainer(net, optimizer=sm.Adam(lr=0.001), policy=POLICIES[name][1] if name in POLICIES else None, lr_scale=None)
    if name in POLICIES:
        histories = [trainer.fit(X, y, EPOCHS, 100)]
    else:
        loop = PROCEDURES[name]
        if isinstance(loop, (sm.PruneRetrain, sm.AdaptivePruneRetrain)):
            outcome = loop.run(trainer, X[:4000], y[:4000], validation_data=(X[4000:], y[4000:]))
        else:
            outcome = loop.run(trainer, X, y)
        net, histories = outcome.trainer.network, list(outcome.histories.values())
    commit = machine()["commit"]
    return {
        "seed": seed,
        "commit": commit,
        "test_accuracy": net.score(X_test, y_test),
        "connections": net.n_connections,
        "work": work(histories),
    }


def report(found):
    """The table as Markdown."""
    base = {r["seed"]: r["test_accuracy"] for r in found["runs"].get("static", [])}
    commits = dict.fromkeys(r.get("commit", found["machine"]["commit"]) for runs in found["runs"].values() for r in runs)
    lines = [
        "# All methods on one small job",
        "",
        "Written by `python bench/methods.py`; do not edit.",
        "",
        *__doc__.strip().splitlines()[5:],
        "",
        f"Commit {', '.join(c[:7] for c in commits if c)}. ±: standard deviation over the seeds. Against static: paired by seed.",
        "",
        "| method | starts | seeds | connections | density | test accuracy % | against static, points | work |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, runs in found["runs"].items():
        group = POLICIES[name][0] if name in POLICIES else GROUP_OF_PROCEDURES
        accuracy = [100 * r["test_accuracy"] for r in runs]
        paired = [100 * (r["test_accuracy"] - base[r["seed"]]) for r in runs if r["seed"] in base]
        connections, cost = statistics.mean(r["connections"] for r in runs), statistics.mean(r["work"] for r in runs)
        cells = [name, group, len(runs), f"{connections:,.0f}", f"{100 * connections / DENSE:.1f} %", spread(accuracy, "{:.2f}")]
        lines.append("| " + " | ".join(map(str, [*cells, spread(paired, "{:+.2f}"), f"{cost:.2f}"])) + " |")
    return "\n".join(lines) + "\n"


def spread(values, form):
    if not values:
        return ""
    deviation = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return form.format(statistics.mean(values)) + deviation


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="runs of each method (default: %(default)s)")
    parser.add_argument("--report", action="store_true", help="run nothing")
    args = parser.parse_args()
    path = OUT / "methods.json"
    sm.set_num_threads(1)
    found = json.loads(path.read_text()) if path.exists() else {"machine": machine(), "runs": {}}
    OUT.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore", sm.ConnectivityWarning)
    names = [*POLICIES, *PROCEDURES]
    data = None if args.report else load()
    for seed in range(args.seeds if data else 0):
        for name in names:
            runs = found["runs"].setdefault(name, [])
            if all(r["seed"] != seed for r in runs):
                runs.append(run(name, seed, *data))
                print(name, runs[-1], flush=True)
                found["runs"] = {n: found["runs"][n] for n in names if n in found["runs"]}
                write_json(path, found)
    write_text(OUT / "README.md", report(found))


if __name__ == "__main__":
    main()
