"""Writes bench/reliability/README.md from the outcomes in bench/results/reliability. python bench/reliability/tables.py"""

import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE.parent / "results" / "reliability"
NAMES = ("kills", "interrupts", "mutations", "concurrency", "soak", "denormals")


def table(head, rows):
    """Markdown; numbers to the right."""
    numbers = [all(isinstance(row[k], (int, float)) for row in rows) for k in range(len(head))]
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join("---:" if n else "---" for n in numbers) + "|"]
    return "\n".join(lines + ["| " + " | ".join(cell(v) for v in row) + " |" for row in rows])


def cell(value):
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def megabytes(n):
    return f"{n / 2**20:.0f} MB"


def source(name, found):
    n, pieces = len(found["failures"]), found.get("pieces", ())
    failures = "no failure" if not n else f"{n} failures"
    how = f"`python bench/reliability/{name}.py{' --quick' if found['quick'] else ''}`" + (f" in {len(pieces)} pieces" if pieces else "")
    commit = f"commit {found['commit']}" if found.get("commit") else "an earlier state of the code, with the policies Static and SET only"
    return f"{how}: {commit}, {found['cpus']} CPUs, {found['seconds']:,.0f} s, {failures}."


def kills(found):
    rows = [("SIGKILL at random instants", found["kills"]), ("trainings, each resumed to the end", found["runs"])]
    rows += [("policy × optimizer × topology cases", found["cases"])]
    rows += [(f"final weights, state and topology: {name}", n) for name, n in found["outcomes"].items()]
    return "\n\n".join(["## Kills", table(("what", "number"), rows), *covered(found)])


def covered(found):
    return [f"{what.capitalize()}: {', '.join(found[what])}." for what in ("policies", "optimizers") if what in found]


def interrupts(found):
    rows = [(name, n) for name, n in sorted(found["outcomes"].items())]
    text = "After each, the network passes every check, another thread can use it, the checkpoint loads, and no temporary file is left."
    return f"## Ctrl-C and SIGTERM\n\n{table(('signal: what happened', 'number'), rows)}\n\n{text} {found['cases']} cases."


def mutations(found):
    parts = ["## Damaged files and hostile matrices"]
    for what in ("files", "matrices"):
        part = found[what]
        rows = list(part["outcomes"].items())
        head = f"{part['cases']:,} {what}, {part['crashes']} crashes, {part.get('unclear', 0)} unclear errors"
        grown = f"the most that a process of {part.get('per_child', 500)} cases grew: {megabytes(part['peak_growth_bytes'])}"
        parts.append(f"{head}; {grown}.\n\n" + table(("outcome", "number"), rows))
    return "\n\n".join(parts)


def concurrency(found):
    columns = list(dict.fromkeys((row["layer"], row["threads"]) for row in found["rows"]))
    outcomes = {(row["situation"], row["layer"], row["threads"]): row for row in found["rows"]}
    notes, rows = {}, []
    for situation in dict.fromkeys(row["situation"] for row in found["rows"]):
        cells = []
        for column in columns:
            row = outcomes[(situation, *column)]
            mark = ""
            if row["note"] and row["outcome"] != "right":
                mark = f" [{notes.setdefault(row['note'], len(notes) + 1)}]"
            cells.append(("process ended" if row["outcome"].startswith("ended with") else row["outcome"]) + mark)
        rows.append((situation.replace("_", " "), *cells))
    head = ("situation", *(f"{layer}, {n}" for layer, n in columns))
    text = "Threading layer and number of threads. *right*: bit-equal to the same work done alone."
    return f"## Threads, processes, forks\n\n{text}\n\n{table(head, rows)}" + "".join(f"\n\n[{n}] {note}." for note, n in notes.items())


COUNTS = {
    "runs": "random trainings",
    "runs_again": "of them judged anew with a reference that was mended (`--again`)",
    "epochs": "epochs",
    "steps": "optimizer steps",
    "evolutions": "rounds of topology changes",
    "changes": "topology changes of a layer",
    "exploded_as_the_reference": "ended by an overflow, as in the reference",
    "refused_with_a_reason": "refused before the first step: SNIP would have emptied a layer",
    "chaotic_but_right_step_by_step": "whole runs that rounding drove apart, right step by step",
}
KINDS = {"float64": "float64, whole runs", "float32": "float32, step by step", "replayed": "float64, runs replayed step by step"}


def soak(found):
    rows = [(words, found[name]) for name, words in COUNTS.items() if name in found]
    rows += [("seconds", round(found["seconds"])), ("growth of resident memory, MB", round(found["rss_growth_bytes"] / 2**20, 1))]
    limits = found.get("limits", {})
    errors = [(KINDS[kind], error, limits.get(kind, "not recorded")) for kind, error in found["worst_relative_error"].items()]
    parts = ["## Soak against a masked dense reference", table(("what", "number"), rows)]
    parts.append(table(("nets", "largest relative error", "limit"), errors))
    if "largest_relu_side" in found:
        parts.append("Where a ReLU's sum is zero but for rounding, the net and the reference may fall on different sides of zero:")
        largest, bounds = found["largest_relu_side"], found["side_limits"]
        sides = [(KINDS[kind], found.get(f"relu_sides_{kind}", 0), largest[kind], bounds[kind]) for kind in largest]
        parts.append(table(("nets", "such sums", "the largest, relative to its terms", "limit"), sides))
    if "covered" in found:
        names = ", ".join(f"{name} {n:,}" for name, n in sorted(found["covered"].items()))
        parts.append(f"Trainings by policy, optimizer and activation: {names}.")
    return "\n\n".join(parts)


def denormals(found):
    rows = [(r["case"], r["tiny_ms"], r["ordinary_ms"], r["ratio"]) for r in found["rows"]]
    head = ("case", "ms an epoch", "ms with ordinary numbers", "ratio")
    return f"## Denormal numbers\n\nLimit: {found['limit']} times the time of ordinary numbers.\n\n{table(head, rows)}"


def short_versions():
    """What the short versions did on the code as it was later, in one table."""
    rows = []
    for name in NAMES:
        path = RESULTS / "short" / f"{name}.json"
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            rows.append((name, EXTENT[name](found), len(found["failures"]), found["commit"], found["seconds"]))
    text = "A few cases each, drawn from all policies of that commit: `--quick --json bench/results/reliability/short/NAME.json`."
    return (
        ["## The short versions on later code", text, table(("script", "what it did", "failures", "commit", "seconds"), rows)]
        if rows
        else []
    )


EXTENT = {
    "kills": lambda r: f"{r['kills']} kills, {r['outcomes'].get('same bits', 0)} of {r['runs']} resumed to the same bits",
    "interrupts": lambda r: f"{r['interrupts']} interrupts in {r['tries']} trainings",
    "mutations": lambda r: f"{r['files']['cases']} files, {r['matrices']['cases']} matrices",
    "concurrency": lambda r: f"{len(r['rows'])} situations on {', '.join(sorted({row['layer'] for row in r['rows']}))}",
    "soak": lambda r: f"{r['runs']} trainings, {r['steps']} steps, {r['changes']} topology changes",
    "denormals": lambda r: f"{len(r['rows'])} cases",
}


def main():
    parts = [
        "# Reliability: what was tried, and what came of it",
        "Made by `python bench/reliability/tables.py` from the JSON files in `bench/results/reliability`. Every script takes `--quick`; "
        "the tests run those short versions.",
    ]
    for name in NAMES:
        path = RESULTS / f"{name}.json"
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            parts += [globals()[name](found), source(name, found)]
    parts += short_versions()
    (HERE / "README.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
