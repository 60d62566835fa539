"""The dynamic pruning paper's claims beside what was measured: every number and every verdict comes from the runs' files."""

import statistics

from ..shared.statistics import ENOUGH, LAST, interval, longest, n_seeds, settled
from ..shared.tables import spread
from .evidence import REACHED, compared, lines_by_scale
from .settings import NETS, n_parameters
from .times import totals

EVOLVING = ("set", "exd", "ldv", "osv")


def _ninety(evidence):
    measured, lows, highs, slopes, lengths = [], [], [], [], []
    for net in evidence.nets:
        parts = {}
        for arm in ("dense", "static", *EVOLVING):
            if not (final := evidence.final(net, arm)):
                continue
            values, epochs = final
            scale = f"after {epochs} epochs, {n_seeds(len(values))}"
            parts.setdefault(scale, []).append(f"{arm} {spread(values, scale=1, digits=1)}")
            lows.append(min(values)), highs.append(max(values)), lengths.append(epochs)
            long = [run for run in longest(evidence.of(net), arm).values() if run["epochs"] > 2 * LAST]
            slopes += [100 * (settled(run, run["epochs"]) - settled(run, run["epochs"] - LAST)) for run in long]
        measured += [f"{net} {scale}: {', '.join(words)}" for scale, words in parts.items()]
    if not lows:
        return measured, "Open: not run"
    text = f"{min(lows):.1f} to {max(highs):.1f} % after {min(lengths)} to {max(lengths)} of the paper's 500 epochs"
    rising = f"; the longest runs still gain {statistics.mean(slopes):+.2f} points per ten epochs" if slopes else ""
    return measured, f"**{'Holds' if min(lows) > 89.5 else 'Not reached'}**: {text}{rising}"


def _best(evidence):
    return compared(evidence, evidence.nets, [("exd", arm) for arm in EVOLVING if arm != "exd"])


def _converges(evidence):
    measured, faster_epochs, faster_seconds = [], [], []
    for net in evidence.nets:
        epochs = {arm: evidence.first_epoch(net, arm) for arm in ("exd", "dense")}
        if None in epochs.values():
            continue
        seconds = evidence.epoch_seconds(net)
        text = f"{net} has {100 * REACHED:.0f} % after {epochs['exd']:.0f} epochs of EXD and {epochs['dense']:.0f} of dense"
        faster_epochs.append(epochs["exd"] < epochs["dense"])
        if seconds.keys() >= epochs.keys():
            took = {arm: epochs[arm] * seconds[arm] for arm in epochs}
            text += f", that is {took['exd']:.0f} s and {took['dense']:.0f} s"
            faster_seconds.append(took["exd"] < took["dense"])
        measured.append(text)
    shared, _ = compared(evidence, evidence.nets, [("exd", "dense")])
    if not measured:
        return shared, "Open: no net has both arms at that accuracy" if shared else "Open: not run"
    word = "Holds" if all(faster_epochs) else "Does not hold" if not any(faster_epochs) else "Holds in some nets"
    time = f"; by time EXD is first in {sum(faster_seconds)} of {len(faster_seconds)} nets" if faster_seconds else ""
    return [*measured, *shared], f"**{word}** by epochs{time}"


def _above_set(evidence):
    return compared(evidence, evidence.nets, [("ldv", "set"), ("osv", "set")])


def _below_dense(evidence):
    return compared(evidence, [n for n in evidence.nets if n == "mlp-1k"], [(arm, "dense") for arm in ("set", "exd")], "below")


def _above_dense(evidence):
    return compared(evidence, [n for n in evidence.nets if n != "mlp-1k"], [(arm, "dense") for arm in ("set", "exd")])


def _exd_time(evidence):
    """EXD's steps are SET's, so it can save no more than its changes do, and never more than SET's changes take."""
    measured, shares, ends = [], [], []
    for net, timed in evidence.times.items():
        if not timed["arms"].keys() >= {"set", "exd"}:
            continue
        took = {arm: totals(timed["arms"][arm]) for arm in ("set", "exd")}
        saved = [100 * (1 - e / s) for s, e in zip(took["set"], took["exd"], strict=True)]
        change = {arm: statistics.median(timed["arms"][arm]["evolution_seconds"]) for arm in took}
        epoch = statistics.median(took["set"])
        low, high = interval(saved)
        shares.append(100 * change["set"] / epoch), ends.append((low, high))
        ms, gain = {arm: f"{1000 * seconds:.1f} ms" for arm, seconds in change.items()}, 100 * (change["set"] - change["exd"]) / epoch
        measured.append(
            f"{net}: a change takes {ms['set']} with SET, {shares[-1]:.2f} % of its epoch, and {ms['exd']} with EXD: {gain:.2f} % saved; "
            f"whole epochs differ by {statistics.median(saved):+.1f} % (median of {len(saved)} rounds; 95 % interval of the mean "
            f"{low:+.1f} … {high:+.1f})"
        )
    for net in (net for net in evidence.nets if net not in evidence.times):
        for run in (r for r in evidence.of(net) if r["arm"] == "set"):
            change, steps = (statistics.median(run["by_epoch"][name][1:]) for name in ("evolution_seconds", "seconds"))
            shares.append(100 * change / (change + steps))
            measured.append(f"{net}, in a run on a busy machine: a change takes {1000 * change:.1f} ms, {shares[-1]:.2f} % of an epoch")
            break
    if not shares:
        return measured, "Open: not timed"
    if max(shares) < 8:
        return measured, f"**Does not hold here**: changes take at most {max(shares):.2f} % of SET's time, so no ζ can save 8 %"
    return measured, "**Holds**" if all(0 < low <= 13 and high >= 8 for low, high in ends) else "**Not told apart**"


def _dense_time(evidence):
    measured, ratios = [], []
    for net in evidence.times:
        seconds = evidence.epoch_seconds(net)
        if seconds.keys() >= {"dense", "exd"}:
            ratios.append(seconds["dense"] / seconds["exd"])
            small = f"; small dense {seconds['small-dense']:.2f} s" if "small-dense" in seconds else ""
            measured.append(f"{net}: dense {seconds['dense']:.2f} s an epoch, EXD {seconds['exd']:.2f} s: ×{ratios[-1]:.1f}{small}")
    if not ratios:
        return measured, "Open: not timed"
    if min(ratios) > 1:
        return (
            measured,
            f"**Does not hold here**: sparse is {min(ratios):.1f} to {max(ratios):.1f} times faster, for only what exists is multiplied",
        )
    return measured, "**Holds** in some nets"


def _fewer(evidence):
    counts = {net: n_parameters(net) for net in NETS}
    fewer = {net: 100 - 100 * sparse / dense for net, (sparse, dense) in counts.items()}
    measured = [f"{net}: {sparse:,} of {dense:,}, {fewer[net]:.1f} % fewer" for net, (sparse, dense) in counts.items()]
    least = min(fewer.values())
    return measured, "**Holds**" if least >= 95.65 else f"**Holds but for {least:.1f} %** where the paper rounds its sparse count down"


CLAIMS = (
    ("About 90 % for all", _ninety),
    ("EXD is the best of the sparse methods", _best),
    ("EXD converges faster than dense", _converges),
    ("LDV and OSV are above SET", _above_set),
    ("Sparse is below dense on MLP-1K", _below_dense),
    ("Sparse is at or above dense on MLP-4K and MLP-4K4L", _above_dense),
    ("EXD trains 8–13 % faster than SET", _exd_time),
    ("Sparse is no faster than dense (the paper's Keras code)", _dense_time),
    ("At least 95.7 % fewer parameters", _fewer),
)

QUESTIONS = (  # what the paper does not ask: words, then pairs of arms
    (
        "Is any evolution better than none? (The released code never applies its masks: its nets were static)",
        [(arm, "static") for arm in EVOLVING],
    ),
    ("Does a schedule that is computed and thrown away change anything? (What that code did)", [("discarded", "static")]),
    ("Is the sparse net better than a small dense one of as many parameters?", [(a, "small-dense") for a in ("static", "exd")]),
    ("Removal by magnitude over both signs, instead of sign-wise", [("set-magnitude", "set"), ("exd-magnitude", "exd")]),
    ("New weights drawn from the initializer, instead of zero", [("set-initializer", "set"), ("exd-initializer", "exd")]),
)


def rows(evidence):
    """Lines of Markdown: the tables of claims and of further questions, from `Evidence`."""
    lines = [
        "Differences are points of test accuracy after the last epoch that both arms have, paired by seed: mean ± standard deviation over",
        f"the seeds, and in brackets the mean of the last {LAST} epochs. Beyond chance: {ENOUGH} seeds or more, and Student's 95 %",
        "interval leaves out 0.",
        "",
    ]
    lines += ["| The paper's claim | Measured | Verdict |", "| --- | --- | --- |"]
    for claim, judge in CLAIMS:
        measured, verdict = judge(evidence)
        lines.append(f"| {claim} | {'<br>'.join(measured)} | {verdict} |")
    lines += ["", "| What the paper does not ask | Measured | Answer |", "| --- | --- | --- |"]
    for question, pairs in QUESTIONS:
        found = {net: [d for pair in pairs if (d := evidence.difference(net, *pair))] for net in evidence.nets}
        measured = [line for net in evidence.nets for line in lines_by_scale(net, found[net])]
        answers = [f"{net}: {d.arm} {_answer(d)}" for net in evidence.nets for d in found[net]]
        lines.append(f"| {question} | {'<br>'.join(measured) or 'not run'} | {'<br>'.join(answers)} |")
    return lines


def _answer(d):
    if not any(d.last) and not any(d.settled):
        return "equal bit for bit"
    return d.verdict()
