"""The slides' claims, each with what was measured."""

import statistics

from ..shared.claims import Claim, Table
from .evidence import accuracy, compared, differences, group, pooled
from .settings import CHANCE, EVERY, HIGHER, LR, SPARSITIES

NO_LOSS = 0.5  # points: "without loss"
OF_LENET_5 = ("RadiX-Nets do better on LeNet-5", "Pruning convolutions is dangerous")


def tables(groups):
    """The table of the slides' claims, and the one of what they do not ask."""
    paper = [*_no_loss(groups), _frequency(groups), _alike(groups), _lower_sparsity(groups), _constant(groups)]
    paper += [_unreliable(groups), *_higher_rate(groups), _pruned_or_structured(groups)]
    paper += [Claim(text, "LeNet-5 has not been trained here", judge=lambda family: "Open: not run") for text in OF_LENET_5]
    asked = [_weights(groups), _pruned_or_random(groups)]
    heads = "Measured here, points", "Verdict"
    return [Table(("The slides", *heads), paper), Table(("Not in the slides", *heads), asked, of_paper=False)]


def _percent(sparsity):
    return f"{100 * sparsity:.0f} %"


def _no_loss(groups):
    dense = group(groups, "dense", "dense", 0.0)
    wanted = (
        ("Iterative pruning loses nothing at more than 95 %", "iterative", "iterative", EVERY, (0.95, 0.99)),
        ("One-time pruning loses nothing at 50 %", "one-time", "one-time", None, (0.5,)),
    )
    margin = {"question": "no loss", "margin": NO_LOSS}
    for text, part, arm, every, sparsities in wanted:
        for s in sparsities:
            found = compared(group(groups, part, arm, s, every=every), dense, arm, "dense", _percent(s), **margin)
            yield Claim(f"{text}: no loss of {NO_LOSS:g} points at {_percent(s)}", None, found)
    loses = compared(group(groups, "one-time", "one-time", 0.75), dense, "one-time", "dense", _percent(0.75))
    yield Claim(f"… and loses at {_percent(0.75)}", None, loses, "below")


def _frequency(groups):
    pairs = {
        _percent(s): (group(groups, "frequency", "iterative", s, every=10), group(groups, "frequency", "iterative", s))
        for s in SPARSITIES[-2:]
    }
    return _pooled("Pruning more often is better", pairs, "every 10 steps", "once an epoch")


def _pooled(text, pairs, arm, base, **options):
    """A claim that is judged by the mean over several nets, seed by seed; each net is shown."""
    found = {name: differences(*pair) for name, pair in pairs.items() if all(pair)}
    means = ", ".join(f"{name} {statistics.mean(values.values()):+.2f}" for name, values in found.items() if values)
    judged = pooled([pairs[name] for name in found], arm, base, text, **options)
    return Claim(text, f"{judged[0].text()}, the mean of {len(found)} nets by seed: {means}" if judged else None, judged)


def _alike(groups):
    pairs = {}
    for part in ("structures", "connections"):
        for key, own in groups.items():
            if key[:2] == (part, "radix"):
                name = f"{_percent(own[0]['sparsity_reached'])} {'-'.join(map(str, own[0]['sizes'][1:-1]))}"
                pairs[name] = own, groups.get((part, "random", *key[2:]), ())
    text = "Explicit and random expanders behave alike: within 0.2 points"
    return _pooled(text, pairs, "RadiX-Net", "its random equivalent", question="alike")


def _ends(text, series):
    """A claim on a series of nets of ascending sparsity: the first against the last, all shown."""
    series = sorted((pair for pair in series if pair[1]), key=lambda pair: pair[0])
    means = ", ".join(f"{_percent(s)} {100 * statistics.mean(map(accuracy, runs)):.2f}" for s, runs in series)
    if len(series) < 2:
        return Claim(text)
    (low, first), (high, last) = series[0], series[-1]
    judged = compared(first, last, _percent(low), _percent(high), text)
    return Claim(text, f"{judged[0].text()}; {means}" if judged else means, judged)


def _lower_sparsity(groups):
    found = [(g[0]["sparsity_reached"], g) for key, g in groups.items() if key[0] == "structures" and key[1] in ("random", "expander")]
    return _ends("Better at lower sparsity (same size, random nets)", found)


def _constant(groups):
    found = [(0.0, group(groups, "connections", "dense", 0.0))]
    found += [(g[0]["sparsity_reached"], g) for k, g in groups.items() if k[:2] == ("connections", "radix")]
    lenet = group(groups, "structures", "radix", 0.9)
    found += [(lenet[0]["sparsity_reached"], lenet)] if lenet else []
    return _ends("At a constant number of connections, better at lower sparsity (RadiX-Nets and a small dense net)", found)


def _unreliable(groups):
    found = [(accuracy(run), key) for key, g in groups.items() if key[0] == "retrain" for run in g]
    if not found:
        return Claim("Retraining on a pruned structure is unreliable", judge=lambda family: "Open: not run")
    low, key = min(found)
    chance = sum(a <= 2 * CHANCE for a, _ in found)
    means = {key: statistics.mean(a for a, k in found if k == key) for _, key in found}
    far = sum(a < means[k] - 0.02 for a, k in found)
    measured = (
        f"{len(found)} runs: {chance} stayed at chance, {far} ended more than 2 points below the mean of their setting; worst "
        f"{100 * low:.2f} ({key[1]}, {_percent(key[2])}, lr {key[3]:g})"
    )
    said = f"Seen in {chance + far} of {len(found)} runs" if chance or far else f"Not seen in {len(found)} runs"
    return Claim("Retraining on a pruned structure is unreliable", measured, judge=lambda family: said)


def _higher_rate(groups):
    for weights in ("original", "new"):
        pairs = {
            f"{source} {_percent(s)}": tuple(group(groups, "retrain", f"{source}/{weights}", s, lr) for lr in (HIGHER * LR, LR))
            for s in SPARSITIES[2:]
            for source in ("one-time", "iterative")
        }
        yield _pooled(f"It wants a higher learning rate, {weights} weights", pairs, f"lr {HIGHER * LR:g}", f"{LR:g}")


def _weights(groups):
    pairs = {
        f"{source} {_percent(s)}": tuple(group(groups, "retrain", f"{source}/{weights}", s) for weights in ("original", "new"))
        for source in ("one-time", "iterative")
        for s in SPARSITIES[2:]
    }
    return _pooled("(lottery ticket) Original weights train better than new ones", pairs, "original", "new")


def _pruned_or_structured(groups):
    pairs = {
        _percent(s): (group(groups, "iterative", "iterative", s, every=EVERY), group(groups, "structures", "radix", s))
        for s in SPARSITIES[:3]
    }
    return _pooled("On LeNet-300-100 pruning does better than a structure from the start", pairs, "iterative", "RadiX-Net")


def _pruned_or_random(groups):
    pairs = {
        _percent(s): (group(groups, "retrain", "iterative/new", s), group(groups, "structures", "expander", s)) for s in SPARSITIES[-2:]
    }
    return _pooled("A structure that pruning found beats a random one", pairs, "iterative structure, new weights", "random expander")
