"""What an epoch of each arm costs: slices of a second in turn, with rests, on an idle machine, zetas from all of the paper's run."""

import math
import statistics
import time
from dataclasses import dataclass, replace

from sparsemlp import SET, SGD, Callback, Trainer
from sparsemlp.environment import machine
from sparsemlp.randomness import stream
from sparsemlp.schedules import Schedule, as_schedule

from ..shared import runs
from ..shared.tables import commits, machines, row
from .settings import ARMS, SETTINGS, build

PAPER_EPOCHS = 500
SLICE, REST = 1.0, 0.5  # seconds
SHARES = {True: 10, False: 5}  # dense arms train on a tenth of the images in each round, sparse ones on a fifth


@dataclass(frozen=True)
class Sampled(Schedule):
    """A schedule of a long run seen by a short one: epoch i of m asks for the middle of the i-th of m parts.

    Parameters
    ----------
    schedule : Schedule
    n_epochs : int
        Length of the long run.

    Examples
    --------
    >>> from sparsemlp.schedules import LinearDecrease
    >>> [round(Sampled(LinearDecrease(0.3, 0.1), 500)(i, 3), 6) for i in (0, 1)]
    [0.25, 0.15]

    The last epoch of a run is followed by no change, so a run of m + 1 epochs has m parts.
    """

    schedule: Schedule
    n_epochs: int

    def at(self, epoch, n_epochs):
        return self.schedule(min((epoch + 0.5) / (n_epochs - 1), 1) * self.n_epochs, self.n_epochs)

    @property
    def bounds(self):
        return self.schedule.bounds


class _Pause(Callback):
    """Ends each `fit` after some epochs; the next one goes on."""

    def on_fit_begin(self, trainer):
        self.left = self.epochs

    def on_epoch_end(self, trainer, record):
        self.left -= 1
        if not self.left:
            trainer.stop_training = "pause"


def measure(net, arms, rounds, data, seed=0):
    """Time arms of one net, in turn, each for at least a second of epochs and after a rest.

    Parameters
    ----------
    net, arms : names of the experiment
    rounds : int
        Slices of each arm that are counted; an epoch comes first, to warm up. The arms' order is drawn anew each round: what ran before
        may matter (threads of BLAS may still spin after a dense step), though each arm rests before it begins.
    data : what `run.load_data` returns
    seed : int

    Returns
    -------
    dict
        "arms": by arm, lists by round: "seconds" of an epoch's steps with augmentation, "evolution_seconds" and "zeta" of the change
        before it, means over the epochs of a slice; "images": how many were trained on, the steps' seconds are scaled to all; "epochs"
        of a slice.
    """
    (X, y), _, _, augment = data
    for arm in ("dense", "set"):  # compiles what an epoch and a change need
        Trainer(build("mlp-1k", arm, seed), policy=ARMS[arm]()).fit(X[:200], y[:200], epochs=3, augment=augment)
    images = {arm: len(X) // SHARES["dense" in arm] for arm in arms}
    start = time.perf_counter()

    def trainer(arm):
        policy = ARMS[arm]()
        if isinstance(policy, SET):
            policy = replace(policy, zeta=Sampled(as_schedule(policy.zeta), PAPER_EPOCHS))
        optimizer = SGD(lr=SETTINGS["lr"], momentum=SETTINGS["momentum"])
        return Trainer(build(net, arm, seed), optimizer=optimizer, policy=policy, callbacks=[_Pause()], lr_scale=None)

    def fit(one, arm, in_slice, epochs, resume):
        n = images[arm]
        one.callbacks[0].epochs = in_slice
        return one.fit(X[:n], y[:n], epochs=epochs, batch_size=SETTINGS["batch_size"], augment=augment, resume=resume)

    trainers, in_slice = {}, {}
    for arm in arms:
        took = fit(trainer(arm), arm, 2, 2, False).last["seconds"]
        in_slice[arm] = max(1, math.ceil(SLICE / took))
        trainers[arm] = trainer(arm)
    for turn in range(rounds + 1):
        for k in stream(seed, "procedure", turn).permutation(len(trainers)):
            arm = [*trainers][k]
            time.sleep(REST)
            fit(trainers[arm], arm, in_slice[arm] if turn else 1, rounds * in_slice[arm] + 1, turn > 0)
    found = {}
    for arm, one in trainers.items():
        counted, scale, k = one.history.records[1:], len(X) / images[arm], in_slice[arm]
        slices = [counted[i : i + k] for i in range(0, len(counted), k)]
        found[arm] = {
            "images": images[arm],
            "epochs": k,
            "seconds": [round(scale * statistics.mean(r["seconds"] for r in s), 5) for s in slices],
            "evolution_seconds": [round(statistics.mean(r["evolution_seconds"] for r in s), 6) for s in slices],
            "zeta": [s[0]["zeta"] and round(statistics.mean(r["zeta"] for r in s), 6) for s in slices],
        }
    return {
        "experiment": "dynamic-pruning-times",
        "net": net,
        "rounds": rounds,
        "paper_epochs": PAPER_EPOCHS,
        "machine": machine(),
        "wall_seconds": round(time.perf_counter() - start, 2),
        "ended": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "arms": found,
    }


def write(folder, net, arms, rounds, data):
    """Time the arms of one net and write the line ``times_<net>``, in place of an earlier one."""
    result = measure(net, arms, rounds, data)
    runs.put(folder, f"times_{net}", result)
    print(f"{net}: {rounds} rounds of {len(arms)} arms in {result['wall_seconds']:.0f} s", flush=True)


def table(times):
    """Lines of Markdown: what an epoch costs.

    Parameters
    ----------
    times : dict
        Net to what `measure` returned.

    Returns
    -------
    list of str
    """
    if not times:
        return []
    names = ["net", "arm", "images", "s/epoch", "fastest", "slowest"]
    names += ["change ms", "smallest", "largest", "change, % of epoch", "against dense"]
    lines = ["## Training time", "", row(*names), row("---", "---", *["---:"] * 9)]
    for net, timed in times.items():
        dense = timed["arms"].get("dense")
        for arm, t in timed["arms"].items():
            total, change = totals(t), [1000 * s for s in t["evolution_seconds"]]
            middle = statistics.median(total)
            cells = [f"{middle:.2f}", f"{min(total):.2f}", f"{max(total):.2f}", "", "", "", ""]
            if any(t["zeta"]):
                cells[3:] = [f"{value:.1f}" for value in (statistics.median(change), min(change), max(change))]
                cells.append(f"{sum(change) / sum(total) / 10:.2f}")
            cells.append(f"×{statistics.median(dense['seconds']) / middle:.1f} faster" if dense and arm != "dense" else "")
            lines.append(row(net, arm, f"{t['images']:,}", *cells))
    rounds = "/".join(str(t["rounds"]) for t in times.values())
    return [
        *lines,
        "",
        f"Medians of {rounds} rounds on {machines(times.values())}, commit {commits(times.values())}; the arms take turns. {_how(times)}",
        f"The zetas are taken from all over a run of {PAPER_EPOCHS} epochs, so that EXD's average is not that of its first epochs.",
        "Images: trained on in a round; the steps' seconds are scaled to all.",
        "",
    ]


def _how(times):
    """What is said of the slices; the first edition's were an epoch each, without rests."""
    if all("epochs" in t for timed in times.values() for t in timed["arms"].values()):
        return f"A slice takes at least {SLICE:g} s, after a rest of {REST:g} s."
    return "Slices of one epoch of part of the images, 0.08 to 3 s, without rests: arms of equal steps differ by up to 42 % by chance."


def totals(timed):
    """Seconds of each round, steps and topology change, of an arm's entry."""
    return [sum(pair) for pair in zip(timed["seconds"], timed["evolution_seconds"], strict=True)]
