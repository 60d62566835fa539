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
    cpus, n, pieces = found["cpus"], len(found["failures"]), found.get("pieces", ())
    failures = "no failure" if not n else f"{n} failures"
    how = f"`python bench/reliability/{name}.py`" + (f" in {len(pieces)} pieces" if pieces else "")
    return f"{how}: commit {found['commit']}, {cpus} CPUs (shared with other work), {found['seconds']:,.0f} s, {failures}."


def kills(found):
    rows = [("SIGKILL at random instants", found["kills"]), ("trainings, each resumed to the end", found["runs"])]
    rows += [("policy × optimizer × topology cases", found["cases"])]
    rows += [(f"final weights, state and topology: {name}", n) for name, n in found["outcomes"].items()]
    return "## Kills\n\n" + table(("what", "number"), rows) + "\n\n" + covered(found)


def covered(found):
    return f"Policies: {', '.join(found['policies'])}. Optimizers: {', '.join(found['optimizers'])}."


def interrupts(found):
    rows = [(name, n) for name, n in sorted(found["outcomes"].items())]
    text = "After each, the network passes every check, another thread can use it, the checkpoint loads, and no temporary file is left."
    return f"## Ctrl-C and SIGTERM\n\n{table(('signal: what happened', 'number'), rows)}\n\n{text} {found['cases']} cases."


def mutations(found):
    parts = ["## Damaged files and hostile matrices"]
    for what in ("files", "matrices"):
        part = found[what]
        rows = list(part["outcomes"].items())
        head = f"{part['cases']:,} {what}, {part['crashes']} crashes, {part['unclear']} unclear errors"
        grown = f"the most that a process of {part['per_child']} cases grew: {megabytes(part['peak_growth_bytes'])}"
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


def soak(found):
    worst, limits = found["worst_relative_error"], found["limits"]
    rows = [("random trainings", found["runs"]), ("epochs", found["epochs"]), ("optimizer steps", found["steps"])]
    rows += [("topology changes", found["changes"]), ("minutes", round(found["seconds"] / 60))]
    rows += [("ended by an overflow, as in the reference", found["exploded_as_the_reference"])]
    rows += [("whole runs that rounding drove apart, right step by step", found["chaotic_but_right_step_by_step"])]
    rows += [("growth of resident memory after the first quarter, MB", found["rss_growth_bytes"] / 2**20)]
    kinds = {"float64": "float64, whole runs", "float32": "float32, step by step", "replayed": "float64, runs replayed step by step"}
    errors = [(words, worst[kind], limits[kind]) for kind, words in kinds.items()]
    sides = [
        (kinds[kind], found.get(f"relu_sides_{kind}", 0), found["largest_relu_side"][kind], found["side_limits"][kind])
        for kind in ("float64", "float32")
    ]
    text = "Where a ReLU's sum is zero but for rounding, the net and the reference may fall on different sides of zero:"
    names = ", ".join(f"{name} {n:,}" for name, n in sorted(found["covered"].items()))
    return "\n\n".join(
        [
            "## Soak against a masked dense reference",
            table(("what", "number"), rows),
            table(("largest relative error", "found", "limit"), errors),
            text,
            table(("nets", "such sums", "the largest, relative to its terms", "limit"), sides),
            f"Trainings by policy, optimizer and activation: {names}.",
        ]
    )


def denormals(found):
    rows = [(r["case"], r["tiny_ms"], r["ordinary_ms"], r["ratio"]) for r in found["rows"]]
    head = ("case", "ms an epoch", "ms with ordinary numbers", "ratio")
    return f"## Denormal numbers\n\nLimit: {found['limit']} times the time of ordinary numbers.\n\n{table(head, rows)}"


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
    (HERE / "README.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
