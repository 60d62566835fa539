"""The claims of the adaptive pruning paper, each with what the runs measured."""

from sparsemlp.reports.energy import nanojoules

from ..shared.claims import Claim, Table
from .evidence import against, chosen_trial, compared, n_failed, outcomes
from .settings import named

PAPER_NANOJOULES = 16.24
REFERENCES = {"[2]": 358, "[5]": 17, "[6]": 82}  # nanojoules of the nets that the paper compares with


def tables(groups):
    """The claims for the trial drop that was chosen, the same for that of the first edition, and the control that the paper lacks."""
    trial = chosen_trial(groups)
    heads = "Measured here", "Verdict"
    found = []
    if trial is not None:
        text = f"The paper's claim; trial drop {100 * trial:g} points"
        found.append(Table((text, *heads), [*_shared(groups), *_claims(groups, trial)]))
    else:
        later = Claim("All claims on the adaptive rate: no trial drop is chosen yet")
        found.append(Table(("The paper's claim", *heads), [*_shared(groups), later]))
    if "adaptive-0.46" in groups:
        text = "The same with a trial drop as small as the allowed drop, this page's first edition: no verdict on the paper"
        found.append(Table((text, *heads), list(_claims(groups, None)), of_paper=False))
    return found


def _weights(record):
    return record["connections"]


def _rounds(record):
    return record.get("round", 0)


def _said(groups, *arms):
    """How many folds failed, of arms that have such."""
    counts = {arm: n_failed(groups, arm) for arm in arms if arm in groups}
    return "".join(f"; {arm} failed in {n} of {len(groups[arm])} folds" for arm, n in counts.items() if n)


def _fewer(groups, text, arm, base, *, wanted="below", drops=(None, None), value=_weights, digits=0):
    found = compared(groups, arm, base, value, drops, f"{text}", digits=digits)
    return Claim(text, found[0].text() + _said(groups, arm, base) if found else None, found, wanted)


def _shared(groups):
    """What does not depend on the trial drop."""
    bases = [run["base"] for run in groups.get("static-0.2", ())]
    found = against(bases, lambda r: 100 * r["test_accuracy"], 96.46, "base accuracy", "96.46 %", question="alike")
    yield Claim("Base accuracy 96.46 %: within 0.2 points", None, found)
    runs = groups.get("static-0.4", ())
    fails = n_failed(groups, "static-0.4", "small_drop")
    text = f"Seen in {fails} of {len(runs)} folds" if runs else "Open: not run"
    yield Claim("Drop 0.46: rate 0.4 fails", f"failed in {fails} of {len(runs)} folds", judge=lambda family: text)
    last = [(run["base"], run["rounds"][-1]) for run in groups.get("static-0.2", ()) if run["rounds"]]
    grown = against(
        last, lambda pair: pair[1]["mean_magnitude"] - pair[0]["mean_magnitude"], 0, "last round", "base", "mean magnitude", digits=3
    )
    yield Claim("The remaining weights grow (mean magnitude)", None, grown)


def _claims(groups, trial):
    small, large = named("adaptive-0.46", trial), named("adaptive-1.0", trial)
    yield _fewer(
        groups, "Drop 0.46: adaptive leaves fewer weights than rate 0.2 (5,667, 6,872)", small, "static-0.2", drops=(None, "small_drop")
    )
    yield _fewer(groups, "… and than rate 0.3 (6,302)", small, "static-0.3", drops=(None, "small_drop"))
    text = "Drop 1.0: rate 0.3 leaves fewer than adaptive (4,290, 4,769)"
    yield _fewer(groups, text, "static-0.3", large)
    text = "Drop 0.46: adaptive ends after fewer rounds than rate 0.2 (7, 13)"
    yield _fewer(groups, text, small, "static-0.2", drops=(None, "small_drop"), value=_rounds, digits=1)
    for arm in (small, large):
        ends = [(run["rounds"][0]["rate"], run["rounds"][-1]["rate"]) for run in groups.get(arm, ()) if len(run["rounds"]) > 1]
        found = against(ends, lambda pair: pair[1] - pair[0], 0, "last round", "first", arm)
        yield Claim(f"The adaptive rate rises from round to round, {arm}", None, found)
    yield from _auxiliary(groups, trial, small)
    for arm in (small, named("auxiliary-40", trial)):
        bases = {run["fold"]: run["base"]["test_accuracy"] for run in groups.get(small, ())}
        pairs = [(bases[fold], record) for fold, record in outcomes(groups, arm).items() if fold in bases]
        lost = against(pairs, lambda p: 100 * (p[0] - p[1]["test_accuracy"]), 0, "base", arm, "accuracy", question="no gain", margin=0.5)
        yield Claim(f"Less than 0.5 points of accuracy are lost, {arm}", None, lost)
    yield from _energy(groups, trial)


def _auxiliary(groups, trial, small):
    layer = {units: named(f"auxiliary-{units}", trial) for units in (20, 40, 60)}
    for units, paper in ((20, "5,124"), (40, "4,389"), (60, "4,747")):
        yield _fewer(groups, f"Auxiliary layer of {units}: fewer weights than adaptive alone ({paper}, 5,667)", layer[units], small)
    for other in (20, 60):
        yield _fewer(groups, f"40 auxiliary units leave fewer weights than {other}", layer[40], layer[other])
    before, after = outcomes(groups, small), outcomes(groups, layer[40])
    shares = [100 * (1 - after[f]["connections"] / before[f]["connections"]) for f in sorted(before.keys() & after.keys())]
    saved = against(shares, float, 22, "share removed by the layer of 40", "22 %", str(trial), question="no loss", margin=0.0, digits=1)
    yield Claim("At least 22 % fewer weights than adaptive alone (40 units)", None, saved)
    yield _fewer(
        groups, "Not in the paper: the layer does better than the same further pruning without it", layer[40], named("again", trial)
    )
    text = "Not in the paper: a low-rank start leaves fewer weights than a random one"
    yield _fewer(groups, text, named("auxiliary-40-lowrank", trial), layer[40])


def _energy(groups, trial):
    arm = named("auxiliary-40", trial)
    records = list(outcomes(groups, arm).values())

    def cost(record):
        return nanojoules(record["connections"])

    options = {"question": "no gain", "margin": 1.0, "digits": 1}
    found = against(records, cost, PAPER_NANOJOULES, arm, f"{PAPER_NANOJOULES} nJ", **options)
    yield Claim("16 nJ an inference (4,389 multiplications of 32 bits): at most 1 nJ more", None, found)
    found = [against(records, cost, nj, arm, f"{nj} nJ of {name}", digits=1) for name, nj in REFERENCES.items()]
    yield Claim("Less energy than its references [2], [5] and [6]", None, tuple(c for part in found for c in part), "below")
