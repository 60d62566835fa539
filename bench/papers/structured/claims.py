"""The slides' claims, each with the figures that were measured and a verdict that follows from them by a rule."""

import statistics

from ..shared.statistics import in_points, n_seeds, side
from .settings import EVERY, HIGHER, LR, SPARSITIES

NO_LOSS = 0.005  # of accuracy: "without loss"


def _mean(group):
    return statistics.mean(run["test_accuracy_last"] for run in group)


def _text(group):
    values = [100 * run["test_accuracy_last"] for run in group]
    return f"{statistics.mean(values):.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")


def _paired(a, b):
    """Differences a - b of the seeds that both have; empty if none."""
    a, b = ({r["seed"]: r["test_accuracy_last"] for r in g} for g in (a, b))
    return [a[s] - b[s] for s in sorted(a.keys() & b.keys())]


def claims(groups):
    """(claim, measured, verdict) for each claim that has its runs."""
    found = [_no_loss(groups), _frequency(groups), _alike(groups), _lower_sparsity(groups), _constant(groups)]
    found += [_unreliable(groups), _higher_rate(groups), _weights(groups), _pruned_or_random(groups)]
    return [claim for claim in found if claim]


def _get(groups, part, arm, sparsity, lr=LR, every=None):
    return groups.get((part, arm, sparsity, lr, every))


def _no_loss(groups):
    dense = _get(groups, "dense", "dense", 0.0)
    if not dense:
        return None
    highest, texts = {}, []
    for name, part, arm, every in (
        ("one-time", "one-time", "one-time", None),
        ("one-time and retrained", "iterative", "prune-retrain", EVERY),
        ("iterative", "iterative", "iterative", EVERY),
    ):
        kept = [s for s in SPARSITIES if (g := _get(groups, part, arm, s, every=every)) and _mean(g) >= _mean(dense) - NO_LOSS]
        highest[name] = max(kept, default=0.0)
        texts.append(f"{name} {100 * highest[name]:g} %")
    agrees = highest["iterative"] > highest["one-time"]
    reached = "and 95 % or more is reached" if highest["iterative"] >= 0.95 else "but 95 % is not reached"
    verdict = f"Agrees that iterative goes further, {reached}" if agrees else "Not seen"
    measured = f"Highest sparsity within {100 * NO_LOSS:g} points of the dense {_text(dense)}: {', '.join(texts)}"
    return "Iterative pruning loses nothing up to more than 95 %, one-time up to 50 %", measured, verdict


def _frequency(groups):
    texts, better = [], []
    for s in SPARSITIES[-2:]:
        often, rarely = _get(groups, "frequency", "iterative", s, every=10), _get(groups, "frequency", "iterative", s)
        pair = often and rarely and _paired(often, rarely)
        if pair:
            texts.append(f"{100 * s:g} %: every 10 steps − once an epoch {in_points(pair)}")
            better.append(pair)
    return texts and ("Pruning more often is better", "; ".join(texts), _direction(better))


def _direction(cases):
    """What several lists of differences say of "above 0"."""
    found = [side(differences) for differences in cases]
    if "open" in found:
        return f"Open: {n_seeds(min(map(len, cases)))}"
    counts = {word: found.count(word) for word in ("above", "below")}
    if not counts["below"] and counts["above"] == len(cases):
        return "Agrees"
    if not counts["above"] and counts["below"] == len(cases):
        return "The opposite"
    return f"Of {len(cases)} comparisons {counts['above']} agree beyond chance, {counts['below']} say the opposite"


def _alike(groups):
    texts, pairs = [], []
    for part in ("structures", "connections"):
        for key, group in groups.items():
            other = groups.get((part, "random", *key[2:]))
            if key[:2] == (part, "radix") and other and (pair := _paired(group, other)):
                texts.append(f"{100 * group[0]['sparsity_reached']:.0f} % {100 * statistics.mean(pair):+.2f}")
                pairs.append(pair)
    if not pairs:
        return None
    largest = max(abs(statistics.mean(pair)) for pair in pairs)
    apart = sum(side(pair) in ("above", "below") for pair in pairs)
    verdict = f"Differences of at most {100 * largest:.2f} points, {apart} of {len(pairs)} beyond chance"
    verdict = f"Agrees: {verdict[0].lower()}{verdict[1:]}" if not apart and largest < 2 * NO_LOSS else verdict
    return "Explicit and random expanders behave alike", "RadiX-Net − its random equivalent, points: " + ", ".join(texts), verdict


def _lower_sparsity(groups):
    found = [(key[2], g) for key, g in groups.items() if key[0] == "structures" and key[1] in ("random", "expander")]
    if len(found) < 2:
        return None
    found.sort(key=lambda pair: pair[1][0]["sparsity_reached"])
    means = [_mean(g) for _, g in found]
    falls = all(b < a for a, b in zip(means, means[1:], strict=False))
    texts = [f"{100 * g[0]['sparsity_reached']:.0f} % {_text(g)}" for _, g in found]
    verdict = "Agrees" if falls else "Agrees at large" if means[0] > means[-1] + NO_LOSS else "Not seen"
    return "Better at lower sparsity (same size)", "Random: " + ", ".join(texts), verdict


def _constant(groups):
    dense = _get(groups, "connections", "dense", 0.0)
    if not dense:
        return None
    found = [(0.0, dense)] + [(k[2], g) for k, g in groups.items() if k[:2] == ("connections", "radix")]
    lenet = _get(groups, "structures", "radix", 0.9)
    found += [(0.9, lenet)] if lenet else []
    found.sort(key=lambda pair: pair[0])
    best = max(found, key=lambda pair: _mean(pair[1]))
    texts = ", ".join(f"{100 * g[0]['sparsity_reached']:.0f} % {_text(g)}" for _, g in found)
    verdict = f"Best at {100 * best[1][0]['sparsity_reached']:.0f} %" + (": the small dense net" if best[0] == 0 else "")
    return "At a constant number of connections, better at lower sparsity", f"RadiX-Nets and a small dense net: {texts}", verdict


def _retrained(groups):
    return {k: g for k, g in groups.items() if k[0] == "retrain"}


def _unreliable(groups):
    found = _retrained(groups)
    if not found:
        return None
    everything = [(r["test_accuracy_last"], k) for k, g in found.items() for r in g]
    low, key = min(everything)
    chance = sum(a < 0.2 for a, _ in everything)
    far = sum(a < statistics.mean(r["test_accuracy_last"] for r in found[k]) - 0.02 for a, k in everything)
    measured = (
        f"{len(everything)} runs: {chance} stayed at chance, {far} ended more than 2 points below the mean of their setting; worst "
        f"{100 * low:.2f} ({key[1]}, {100 * key[2]:g} %, lr {key[3]:g})"
    )
    verdict = "Agrees" if chance or far else "Not seen"
    return "Retraining on a pruned structure is unreliable", measured, verdict


def _higher_rate(groups):
    texts, gains = [], []
    for s in SPARSITIES[2:]:
        for weights in ("original", "new"):
            for source in ("one-time", "iterative"):
                low, high = (_get(groups, "retrain", f"{source}/{weights}", s, lr) for lr in (LR, HIGHER * LR))
                pair = low and high and _paired(high, low)
                if pair:
                    gains.append((statistics.mean(pair), s, weights))
                    texts.append(f"{source} {100 * s:g} % {weights} {100 * statistics.mean(pair):+.2f}")
    if not gains:
        return None
    helped = sorted({(s, w) for gain, s, w in gains if gain > NO_LOSS})
    where = ", ".join(f"{100 * s:g} % with {w} weights" for s, w in helped)
    verdict = f"It helps by more than {100 * NO_LOSS:g} points at: {where}" if helped else f"It never helps by {100 * NO_LOSS:g} points"
    return "It wants a higher learning rate", f"lr {HIGHER * LR:g} − {LR:g}, points: {', '.join(texts)}", verdict


def _weights(groups):
    texts, pairs = [], []
    for (_, arm, s, lr, every), group in _retrained(groups).items():
        source, weights = arm.split("/")
        other = groups.get(("retrain", f"{source}/new", s, lr, every))
        if weights == "original" and lr == LR and other and (pair := _paired(group, other)):
            texts.append(f"{source} {100 * s:g} % {in_points(pair)}")
            pairs.append(pair)
    return texts and ("(lottery ticket) Original weights train better than new ones", "; ".join(texts), _direction(pairs))


def _pruned_or_random(groups):
    texts, pairs = [], []
    for s in SPARSITIES[-2:]:
        pruned, drawn = _get(groups, "retrain", "iterative/new", s), _get(groups, "structures", "expander", s)
        pair = pruned and drawn and _paired(pruned, drawn)
        if pair:
            texts.append(f"{100 * s:g} %: iterative structure, new weights − random expander {in_points(pair)}")
            pairs.append(pair)
    return texts and ("(not in the slides) A structure that pruning found beats a random one", "; ".join(texts), _direction(pairs))
