"""Each claim of the paper on pruning at initialization beside what was measured, with a verdict that follows from the numbers.

Two policies are compared seed by seed: both start from the same dense weights and see the same batches. A mean difference below two
of its standard errors is called no clear difference.
"""

import statistics

from .evidence import column, part
from .settings import DATASETS, NETS, PAPER, SAMPLES, STEPS


def difference(a, b, at=-1):
    """(mean, standard error) of a - b over the seeds that both runs have: points, or 1,000 times the squared error."""
    scale = 1000 if a["net"] == "autoencoder" else 100
    there = {t["seed"]: t["performance"][at] for t in b["trials"]}
    found = [scale * (t["performance"][at] - there[t["seed"]]) for t in a["trials"] if t["seed"] in there]
    error = statistics.stdev(found) / len(found) ** 0.5 if len(found) > 1 else float("inf")
    return statistics.mean(found), error


def clear(pair):
    """1 if a mean is above twice its standard error, -1 if below minus that, else 0."""
    mean, error = pair
    return 1 if mean > 2 * error else -1 if mean < -2 * error else 0


def claims(results, pair):
    """Rows of (claim, what was measured, verdict) for what there are runs for."""

    table = column(results, pair)
    whole = [r for r in part(results, "figure3") if r["samples"] == SAMPLES[-1]]
    rows = []
    if set(PAPER) <= set(table):
        rows += [_beats_dense(table), _catches_up(table), _small_k(table), _settles(table)]
        random = [r for r in part(results, "table1") if r["arm"] == "random"]
        rows += [_beats_random(table[10], r) for r in random]
        rows += [_spread(table, r) for r in random]
    if part(results, "figure3"):
        rows.append(_beats_dense_by_images(part(results, "figure3")))
    if whole:
        rows.append(_best_p(whole))
    if part(results, "figure2"):
        rows += [_hidden_layers(part(results, "figure2")), _combination(part(results, "figure2")), _falls(part(results, "figure2"))]
    return rows


def _differences(a, b):
    found = [difference(a, b, at) for at in range(len(STEPS))]
    return found, "; ".join(f"{m:+.2f} ± {e:.2f} after {s:,}" for (m, e), s in zip(found, STEPS, strict=True))


def _better(found):
    """The verdict on "a is better than b" at each number of steps."""
    signs = [clear(pair) for pair in found]
    if not any(signs):
        return "no clear difference"
    if min(signs) >= 0:
        return "holds"
    return "does not hold" if max(signs) <= 0 else "holds for some numbers of steps only"


def _beats_dense(table):
    found, text = _differences(table[10], table["dense"])
    return "K-starts beats the dense net on 784-10", f"k = 10 − dense, points ± standard error: {text} steps", _better(found)


def _beats_dense_by_images(runs):
    """K-starts with p = 0.5 against the dense net, after figure 3's steps, for each number of training images."""
    texts, signs = [], []
    for dataset in DATASETS:
        own = {(r["arm"], r["samples"]): r for r in runs if r["dataset"] == dataset}
        sizes = [n for n in SAMPLES if ("dense", n) in own and ("k-starts p0.5", n) in own]
        found = [difference(own["k-starts p0.5", n], own["dense", n]) for n in sizes]
        signs += [clear(pair) for pair in found]
        if found:
            cells = ", ".join(f"{m:+.2f} ± {e:.2f} with {n:,}" for n, (m, e) in zip(sizes, found, strict=True))
            texts.append(f"{dataset}: {cells} images")
    verdict = f"clearly better in {signs.count(1)}, clearly worse in {signs.count(-1)} of {len(signs)} comparisons"
    return "K-starts beats the dense net, whatever the number of images", f"k = 10, p = 0.5 − dense: {'; '.join(texts)}", verdict


def _catches_up(table):
    found, _ = _differences(table[10], table["dense"])
    text = ", ".join(f"{s:,}: {m:+.2f}" for s, (m, _) in zip(STEPS, found, strict=True))
    early, late = max(found[:-1]), found[-1]
    caught = "holds" if late[0] < early[0] / 2 else "not seen"
    verdict = caught if clear(early) > 0 else "no clear lead that could be caught up"
    return "with more steps the dense net reaches the pruned one", f"lead of k = 10 by steps: {text}", verdict


def _small_k(table):
    found, text = _differences(table[10], table[100])
    verdict = "holds" if min(clear(pair) for pair in found) >= 0 else "does not hold at every number of steps"
    return "k ≈ 10 at least as good as k ≈ 100", f"k = 10 − k = 100: {text} steps", verdict


def _settles(table):
    last = {k: [t["last_change"] for t in table[k]["trials"]] for k in (10, 50, 100)}
    within = {k: sum(step <= 5 for step in steps) for k, steps in last.items()}
    text = "; ".join(f"k = {k}: last change after step {statistics.median(v):g} (median), {max(v)} (latest)" for k, v in last.items())
    n = len(table[10]["trials"])
    total = sum(within.values())
    verdict = "holds" if total == 3 * n else f"in {total} of {3 * n} trials"
    return "by magnitude the mask is settled within about 5 steps", text, verdict


def _beats_random(k10, random):
    found, text = _differences(k10, random)
    return "K-starts is slightly better than one random mask", f"k = 10 − random: {text} steps", _better(found)


def _spread(table, random):
    spreads = {}
    for name, run in {"k = 10": table[10], "dense": table["dense"], "random": random}.items():
        spreads[name] = [100 * statistics.stdev(t["performance"][k] for t in run["trials"]) for k in range(len(STEPS))]
    text = "; ".join(f"{name}: " + ", ".join(f"{v:.2f}" for v in values) for name, values in spreads.items())
    smaller = sum(spreads["k = 10"][k] < min(spreads["dense"][k], spreads["random"][k]) for k in range(len(STEPS)))
    verdict = {0: "does not hold", len(STEPS): "holds"}.get(smaller, f"at {smaller} of {len(STEPS)} numbers of steps")
    steps = ", ".join(f"{s:,}" for s in STEPS)
    return "K-starts spreads less than dense and random", f"standard deviation after {steps} steps: {text}", verdict


def _best_p(whole):
    texts, best = [], []
    for dataset in DATASETS:
        own = {
            "0" if r["arm"] == "dense" else r["arm"].split(" p")[-1]: r
            for r in whole
            if r["dataset"] == dataset and not r["arm"].startswith("random")
        }
        if not own:
            continue
        ranked = sorted(own, key=lambda p: -statistics.mean(t["performance"][-1] for t in own[p]["trials"]))
        top = ranked[0]
        near = top != "0.5" and "0.5" in own and not clear(difference(own[top], own["0.5"]))
        best.append(f"{dataset}: best {top}" + (", not clearly above 0.5" if near else ""))
        means = ", ".join(f"{p} {100 * statistics.mean(t['performance'][-1] for t in own[p]['trials']):.2f}" for p in sorted(own))
        texts.append(f"{dataset}: {means}")
    verdict = "; ".join(best)
    return "p ≈ 0.5 works best", f"784-10, k = 10, all images, 2,500 steps, by p: {'; '.join(texts)}", verdict


def _interpolated(points, x):
    """The mean at sparsity x on the line through a method's points, None outside of them; points: [(sparsity, mean)], ascending."""
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        if x0 <= x <= x1:
            return y0 + (y1 - y0) * ((x - x0) / (x1 - x0) if x1 > x0 else 0)
    return None


def _curves(runs):
    """{method: [(mean sparsity, mean performance where more is better)]} of one net and data set."""
    curves = {}
    for r in runs:
        sign = -1000 if r["net"] == "autoencoder" else 100
        point = statistics.mean(t["sparsity"] for t in r["trials"]), sign * statistics.mean(t["performance"][-1] for t in r["trials"])
        curves.setdefault(r["arm"].split()[0], []).append(point)
    return {name: sorted(points) for name, points in curves.items()}


def _hidden_layers(runs):
    """K-starts against one random mask of the same p, in nets with hidden layers."""
    texts, signs = [], []
    for net in NETS:
        for dataset in DATASETS:
            own = {r["arm"]: r for r in runs if (r["net"], r["dataset"]) == (net, dataset)}
            pairs = [(arm.split(" p")[1], own[arm], own.get(f"random p{arm.split(' p')[1]}")) for arm in own if arm.startswith("k-starts")]
            found = {p: difference(a, b) for p, a, b in sorted(pairs, key=lambda pair: pair[0]) if b is not None}
            if found:
                better = -1 if net == "autoencoder" else 1
                signs += [better * clear(pair) for pair in found.values()]
                unit = "1,000 × squared error" if net == "autoencoder" else "points"
                cells = ", ".join(f"{m:+.2f} ± {e:.2f} at p = {p}" for p, (m, e) in found.items())
                texts.append(f"{net}, {dataset}: {cells} {unit}")
    verdict = f"clearly better in {signs.count(1)}, clearly worse in {signs.count(-1)} of {len(signs)} comparisons"
    return "K-starts is better than one random mask, nets with hidden layers", f"K-starts − random: {'; '.join(texts)}", verdict


def _combination(runs):
    texts, ahead, compared = [], 0, 0
    for net in NETS:
        for dataset in DATASETS:
            curves = _curves([r for r in runs if (r["net"], r["dataset"]) == (net, dataset)])
            others = [name for name in ("random", "k-starts", "dissipating") if name in curves]
            gaps = []
            for x, y in curves.get("combination", ()):
                found = [v for v in (_interpolated(curves[name], x) for name in others) if v is not None]
                if found:
                    gaps.append(y - max(found))
            if gaps:
                compared, ahead = compared + len(gaps), ahead + sum(g > 0 for g in gaps)
                unit = "1,000 × squared error" if net == "autoencoder" else "points"
                texts.append(f"{net}, {dataset}: {min(gaps):+.2f} to {max(gaps):+.2f} {unit}")
    text = f"lead over the best of the others at the same sparsity (interpolated): {'; '.join(texts)}"
    verdict = "holds" if ahead == compared else f"ahead at {ahead} of {compared} points"
    return "the combination is the best of the four", text, verdict


def _falls(runs):
    texts, falls = [], []
    for net in NETS:
        for dataset in DATASETS:
            curve = _curves([r for r in runs if (r["net"], r["dataset"]) == (net, dataset)]).get("k-starts", ())
            if len(curve) > 1:
                falls.append(curve[-1][1] < curve[0][1])
                ends = ", ".join(f"{abs(y):.2f} at {100 * x:.0f} %" for x, y in (curve[0], curve[-1]))
                texts.append(f"{net}, {dataset}: {ends}")
    return "performance falls as sparsity grows", f"K-starts: {'; '.join(texts)}", "holds" if all(falls) else "does not hold everywhere"
