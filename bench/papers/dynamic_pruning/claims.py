"""The dynamic pruning paper's claims beside what was measured: every number and every verdict comes from the runs."""

import statistics

from ..shared.claims import Claim
from ..shared.statistics import Comparison, n_seeds, verdict
from .evidence import PAPER_EPOCHS, REACHED, in_words, value_at
from .settings import NETS, n_parameters
from .times import totals

EVOLVING = ("set", "exd", "ldv", "osv")
LARGE = ("mlp-4k", "mlp-4k4l")
NINETY = 89.5  # what "about 90 %" begins at
MEMORY = 95.0  # per cent less, of the abstract


def paper(evidence):
    """The paper's claims, for runs that start as its code does."""
    return [
        _ninety(evidence),
        _pairs(evidence, "EXD is the best of the sparse methods", evidence.nets, [("exd", a) for a in EVOLVING if a != "exd"]),
        _converges(evidence),
        _pairs(evidence, "LDV and OSV are above SET", evidence.nets, [("ldv", "set"), ("osv", "set")]),
        _pairs(evidence, "Sparse is below dense on MLP-1K", ["mlp-1k"], [("set", "dense"), ("exd", "dense")], "below"),
        _at_or_above_dense(evidence),
    ]


def costs(evidence):
    """The paper's claims on time, parameters and memory, which do not depend on the start."""
    return [_exd_time(evidence), _dense_time(evidence), _fewer(), _memory(evidence)]


def questions(evidence):
    """What the paper does not ask."""
    asked = (
        (
            "Is any evolution better than none? (The released code never applies its masks: its nets were static)",
            [(arm, "static") for arm in EVOLVING],
        ),
        ("Does a schedule that is computed and thrown away change anything? (What that code did)", [("discarded", "static")]),
        ("Is the sparse net better than a small dense one of as many parameters?", [(a, "small-dense") for a in ("static", "exd")]),
        ("Removal by magnitude over both signs, instead of sign-wise", [("set-magnitude", "set"), ("exd-magnitude", "exd")]),
        ("New weights drawn from the initializer, instead of zero", [("set-initializer", "set"), ("exd-initializer", "exd")]),
    )
    return [_pairs(evidence, text, evidence.nets, pairs, answer=True) for text, pairs in asked]


def _pairs(evidence, text, nets, pairs, wanted="above", answer=False):
    found = evidence.pairs([net for net in nets if net in evidence.nets], pairs)
    judge = (lambda family: _answers(family, found)) if answer else None
    return Claim(text, "<br>".join(in_words(found)), found, wanted, judge)


def _answers(family, comparisons):
    """What each comparison says, of a question that names no side."""
    texts = {"equal": "equal bit for bit", "open": "open"}
    return "<br>".join(f"{c.where.split(', ')[1]}: {c.arm} {texts.get(w := family.word(c), w)}" for c in comparisons) or "Open: not run"


def _ninety(evidence):
    measured, judged = [], []
    for net in evidence.nets:
        parts = {}
        for arm in ("dense", "static", *EVOLVING):
            runs = evidence.longest(net, arm)
            for epochs in sorted({run["epochs"] for run in runs.values()}):
                found = [100 * value_at(run, epochs) for run in runs.values() if run["epochs"] == epochs]
                parts.setdefault((epochs, len(found)), []).append(f"{arm} {statistics.mean(found):.1f}")
                if epochs >= PAPER_EPOCHS:
                    above = tuple(a - NINETY for a in found)
                    judged.append(Comparison(arm, f"{NINETY} %", above, f"{evidence.start} start, {net}, {epochs} epochs"))
        measured += [f"{net} after {e} epochs, {n_seeds(n)}: {', '.join(words)}" for (e, n), words in parts.items()]
    longest = max((run["epochs"] for run in evidence.runs), default=0)

    def judge(family):
        few = f"Open: the longest runs have {longest} of the paper's {PAPER_EPOCHS} epochs" if longest else "Open: not run"
        return verdict(family, judged) if judged else few

    return Claim("About 90 % for all", "<br>".join(measured), tuple(judged), judge=judge)


def _converges(evidence):
    """By epochs at several thresholds, by seconds, and beside a small dense net; what never arrives is said, and no net left out."""
    arms, measured, judged, never = ("exd", "dense", "small-dense"), [], [], 0
    for net in evidence.nets:
        seconds = evidence.epoch_seconds(net)
        for threshold in REACHED:
            firsts = {arm: evidence.first_epochs(net, arm, threshold) for arm in arms}
            words = [_arrival(arm, firsts[arm], evidence.longest(net, arm), seconds.get(arm)) for arm in arms if firsts[arm]]
            measured.append(f"{net}, {100 * threshold:.0f} %: {'; '.join(words)}")
            shared = sorted(firsts["exd"].keys() & firsts["dense"].keys())
            pairs = [(firsts["exd"][s], firsts["dense"][s]) for s in shared]
            never += any(None in pair for pair in pairs)
            if pairs and not any(None in pair for pair in pairs):
                where = f"{evidence.start} start, {net}, epochs until {100 * threshold:.0f} %"
                judged.append(Comparison("exd", "dense", tuple(a - b for a, b in pairs), where, digits=1))

    def judge(family):
        missed = f"; in {never} of {len(evidence.nets) * len(REACHED)} cases one of the two does not get there" if never else ""
        return verdict(family, judged, "below") + " by epochs" + missed

    return Claim("EXD converges faster than dense", "<br>".join(measured), tuple(judged), "below", judge)


def _arrival(arm, firsts, runs, seconds):
    there = [e for e in firsts.values() if e is not None]
    if len(there) < len(firsts):
        return f"{arm} not within {min(run['epochs'] for run in runs.values())} epochs in {len(firsts) - len(there)} of {len(firsts)} runs"
    mean = statistics.mean(there)
    return f"{arm} after {mean:.0f} epochs" + (f" ({mean * seconds:.0f} s)" if seconds else "")


def _at_or_above_dense(evidence):
    found = evidence.pairs([n for n in LARGE if n in evidence.nets], [("set", "dense"), ("exd", "dense")], question="no loss")
    return Claim("Sparse is at or above dense on MLP-4K and MLP-4K4L (no loss of 0.2 points)", "<br>".join(in_words(found)), found)


def _exd_time(evidence):
    """EXD's steps are SET's, so it can save no more than SET's changes take."""
    measured, judged = [], []
    for net, timed in evidence.times.items():
        if not timed["arms"].keys() >= {"set", "exd"}:
            continue
        arms = timed["arms"]
        shares = [100 * c / t for c, t in zip(arms["set"]["evolution_seconds"], totals(arms["set"]), strict=True)]
        judged.append(Comparison("change of SET", "8 % of its epoch", tuple(s - 8 for s in shares), f"{net}, rounds of timing"))
        ms = {arm: f"{1000 * statistics.median(arms[arm]['evolution_seconds']):.1f} ms" for arm in ("set", "exd")}
        measured.append(f"{net}: a change takes {ms['set']} with SET, {statistics.median(shares):.2f} % of its epoch, {ms['exd']} with EXD")
    said = " (a change can save no more than it takes)"

    def judge(family):
        return verdict(family, judged) + said if judged else "Open: not timed"

    return Claim("EXD trains 8–13 % faster than SET", "<br>".join(measured), tuple(judged), judge=judge)


def _dense_time(evidence):
    measured, judged = [], []
    for net, timed in evidence.times.items():
        rounds = {arm: totals(t) for arm, t in timed["arms"].items()}
        if "dense" not in rounds:
            continue
        words = []
        for arm in [arm for arm in ("set", "exd") if arm in rounds]:
            pairs = tuple(a - b for a, b in zip(rounds[arm], rounds["dense"], strict=True))
            judged.append(Comparison(arm, "dense", pairs, f"{net}, seconds of an epoch", "no loss", margin=0.0))
            middle, fastest = (f(rounds["dense"]) / f(rounds[arm]) for f in (statistics.median, min))
            words.append(f"{arm} ×{middle:.1f} (fastest rounds ×{fastest:.1f})")
        dense = f"dense {statistics.median(rounds['dense']):.2f} s an epoch"
        small = f"; small dense {statistics.median(rounds['small-dense']):.2f} s" if "small-dense" in rounds else ""
        measured.append(f"{net}: {dense}; faster: {', '.join(words)}{small}")

    def judge(family):
        if not judged:
            return "Open: not timed"
        return verdict(family, judged) + ": only what exists is multiplied here"

    return Claim("Sparse is no faster than dense (the paper's Keras code)", "<br>".join(measured), tuple(judged), judge=judge)


def _fewer():
    counts = {net: n_parameters(net) for net in NETS}
    fewer = {net: 100 - 100 * sparse / dense for net, (sparse, dense) in counts.items()}
    measured = [f"{net}: {sparse:,} of {dense:,}, {fewer[net]:.1f} % fewer" for net, (sparse, dense) in counts.items()]
    short = [f"{net} {value:.1f} %" for net, value in fewer.items() if value < 95.65]
    said = f"Counted: all but {', '.join(short)}, where the paper rounds its sparse count down" if short else "Counted: true of all nets"
    return Claim("At least 95.7 % fewer parameters", "<br>".join(measured), judge=lambda family: said)


def _memory(evidence):
    measured, least = [], {}
    for net, arms in evidence.memory.items():
        saved = {what: 100 - 100 * arms["static"][what] / arms["dense"][what] for what in ("training", "step", "prediction", "file")}
        for what, value in saved.items():
            least.setdefault(what, []).append(value)
        megabytes = f"{arms['static']['training'] / 1e6:.2f} of {arms['dense']['training'] / 1e6:.2f} MB"
        measured.append(
            f"{net}: training {saved['training']:.1f} % less ({megabytes}; with the buffers of a step {saved['step']:.1f} %), prediction "
            f"{saved['prediction']:.1f} %, file {saved['file']:.1f} %"
        )
    short = [f"{what} {min(v):.1f} to {max(v):.1f} %" for what, v in least.items() if min(v) < MEMORY]
    said = f"Counted: not true of bytes everywhere: {', '.join(short)}" if short else "Counted: true"
    text = "At least 95 % less memory (abstract; an index takes as many bytes as a weight)"
    return Claim(text, "<br>".join(measured), judge=lambda family: said if least else "Open: not counted")
