"""One result from pieces of a script's work: numbers add up, extremes stay. python bench/reliability/merge.py RESULT.json PIECE.json ..."""

import argparse
import json
import pathlib

from common import output_path

EXTREMES = {"worst_relative_error", "largest_relu_side", "rss_growth_bytes", "peak_growth_bytes"}
COMMON = {
    "what",
    "quick",
    "sparsemlp",
    "versions",
    "machine",
    "cpus",
    "limits",
    "side_limits",
    "limit",
    "per_child",
}  # the same in all pieces
UNIONS = {"policies", "optimizers", "layers"}
LEFT_OUT = {"memory"}


def merged(pieces):
    """The result of several, as a dict like theirs; "pieces" says where they come from."""
    total = {"ok": all(piece["ok"] for piece in pieces)}
    for name in COMMON:
        found = [piece[name] for piece in pieces if name in piece]
        if any(value != found[0] for value in found):
            raise ValueError(f"Pieces must agree on {name}; got {found}.")
        if found:
            total[name] = found[0]
    names = list(dict.fromkeys(name for piece in pieces for name in piece))
    for name in names:
        if name not in COMMON | LEFT_OUT | {"ok", "seed", "commit"}:
            total[name] = combine(name, [piece[name] for piece in pieces if name in piece])
    total["commit"] = ", ".join(dict.fromkeys(str(piece["commit"]) for piece in pieces))
    total["pieces"] = [{name: piece[name] for name in ("seed", "commit", "seconds") if name in piece} for piece in pieces]
    return total


def combine(name, values):
    if isinstance(values[0], dict):
        keys = sorted({k for value in values for k in value})
        return {
            k: values[0].get(k) if k in COMMON else combine(name if name in EXTREMES else k, [v[k] for v in values if k in v]) for k in keys
        }
    if name in UNIONS:
        return sorted({entry for value in values for entry in value})
    if isinstance(values[0], list):
        return [entry for value in values for entry in value]
    if isinstance(values[0], (int, float)):
        return max(values) if name in EXTREMES else round(sum(values), 2)
    return values[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=output_path, help="JSON file to write")
    parser.add_argument("pieces", nargs="+", type=pathlib.Path, metavar="piece", help="JSON file of a part of the runs")
    args = parser.parse_args()
    found = [json.loads(path.read_text(encoding="utf-8")) for path in args.pieces]
    args.result.write_text(json.dumps(merged(found), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
