"""What an epoch of each arm costs: all arms take turns on an otherwise idle machine, at zetas from the whole of the paper's run."""

import statistics
import time
from dataclasses import dataclass, replace

from sparsemlp import SET, SGD, Callback, Trainer
from sparsemlp.environment import machine
from sparsemlp.randomness import stream
from sparsemlp.schedules import Schedule, as_schedule

from ..shared import runs
from ..shared.tables import machines, row
from .settings import ARMS, SETTINGS, build

PAPER_EPOCHS = 500
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
    """Ends each `fit` after one epoch; the next one goes on."""

    def on_epoch_end(self, trainer, record):
        trainer.stop_training = "pause"


def measure(net, arms, rounds, data, seed=0):
    """Time arms of one net, an epoch of each in turn.

    Parameters
    ----------
    net, arms : names of the experiment
    rounds : int
        Epochs of each arm that are counted; one more comes first, to warm up. The arms' order is drawn anew each round:
        what ran before may matter (threads of BLAS may still spin after a dense step).
    data : what `dynamic_pruning.load_data` returns
    seed : int

    Returns
    -------
    dict
        "arms": by arm, lists by round: "seconds" of an epoch's steps with augmentation, "evolution_seconds" and "zeta" of the change
        before it; "images": how many were trained on; the steps' seconds are scaled to all.
    """
    (X, y), _, _, augment = data
    trainers, images = {}, {}
    for arm in arms:
        policy = ARMS[arm]()
        if isinstance(policy, SET):
            policy = replace(policy, zeta=Sampled(as_schedule(policy.zeta), PAPER_EPOCHS))
        network = build(net, arm, seed)
        optimizer = SGD(lr=SETTINGS["lr"], momentum=SETTINGS["momentum"])
        trainers[arm] = Trainer(network, optimizer=optimizer, policy=policy, callbacks=[_Pause()])
        images[arm] = len(X) // SHARES["dense" in arm]
    for arm in ("dense", "set"):  # compiles what an epoch and a change need
        Trainer(build("mlp-1k", arm, seed), policy=ARMS[arm]()).fit(X[:200], y[:200], epochs=3, augment=augment)
    start = time.perf_counter()
    for turn in range(rounds + 1):
        for k in stream(seed, "procedure", turn).permutation(len(trainers)):
            arm = [*trainers][k]
            n = images[arm]
            trainers[arm].fit(X[:n], y[:n], epochs=rounds + 1, batch_size=SETTINGS["batch_size"], augment=augment, resume=turn > 0)
    found = {}
    for arm, trainer in trainers.items():
        counted, scale = trainer.history.records[1:], len(X) / images[arm]
        found[arm] = {
            "images": images[arm],
            "seconds": [round(scale * r["seconds"], 5) for r in counted],
            "evolution_seconds": [round(r["evolution_seconds"], 6) for r in counted],
            "zeta": [r["zeta"] and round(r["zeta"], 6) for r in counted],
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
        f"Medians of {rounds} rounds on {machines(times.values())}, nothing else running; the arms take turns, an epoch each.",
        f"The zetas are taken from all over a run of {PAPER_EPOCHS} epochs, so that EXD's average is not that of its first epochs.",
        "Images: trained on in a round; the steps' seconds are scaled to all.",
        "",
    ]


def totals(timed):
    """Seconds of each round, steps and topology change, of an arm's entry."""
    return [sum(pair) for pair in zip(timed["seconds"], timed["evolution_seconds"], strict=True)]
