"""The tables of README.md, in Markdown, from the files in results/speed.

python bench/tables.py              # print them
python bench/tables.py --readme     # put them into README.md, between their markers
"""

import re
import sys

from common import HERE, RESULTS

from sparsemlp.benchmark import record
from sparsemlp.benchmark.statistics import ratio


def table(head, rows):
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def by_system(piece):
    return {row["system"]: row for row in piece["rows"]}


def nets(pieces):
    """Milliseconds of a step, and how many times our own."""
    pieces = {name: by_system(piece) for name, piece in pieces.items() if name.startswith("mlp")}
    systems = list(dict.fromkeys(system for rows in pieces.values() for system in rows))
    lines = []
    for system in systems:
        cells = []
        for rows in pieces.values():
            if system not in rows:
                cells.append("")
                continue
            row, own = rows[system], rows["sparsemlp"]
            by_median, by_minimum = ratio(row, own)
            times = "" if system == "sparsemlp" else f" · {by_median:.1f} ({by_minimum:.1f})"
            cells.append(f"{1e3 * row['median']:.3g}{times}")
        lines.append([system, *cells])
    return table(["ms a step · times ours (minima)", *pieces], lines)


def sweeps(pieces):
    """Speed-ups over dense systems by density, and the break-even."""
    layers = {name: piece["sweeps"] for name, piece in pieces.items() if not name.startswith("mlp")}
    densities = sorted({d for found in layers.values() for sweep in found.values() for d in sweep["sparsemlp"]["densities"]})
    lines = []
    for name, found in layers.items():
        for base, sweep in found.items():
            own = sweep["sparsemlp"]
            by_density = dict(zip(own["densities"], own["speedups"], strict=True))
            cells = (f"{by_density[d]:.3g}" if d in by_density else "" for d in densities)
            none = "none: always faster" if min(own["speedups"]) > 1 else "below 1 %"
            lines.append([name, base, *cells, f"{100 * own['break_even']:.0f} %" if own["break_even"] else none])
    return table(["layer", "times faster than", *(f"{100 * d:g} %" for d in densities), "break-even"], lines)


def kernels(pieces):
    """GFLOP/s beside sgemm and the roofline."""
    lines = []
    for piece in pieces.values():
        for row in piece["rows"]:
            if "gflops" in row and "kernel" in row:
                rates = (f"{row[k]:.0f}" for k in ("gflops", "sgemm_gflops", "roofline_gflops"))
                where = f"{row['width']}², {100 * row['density']:g} %, batch {row['batch']}"
                lines.append([row["kernel"], where, *rates, f"{100 * row['of_roofline']:.0f} %", f"{row['error']:.0e}"])
    return table(["kernel", "layer", "GFLOP/s", "sgemm", "roofline", "of roofline", "error"], lines)


def memory(pieces):
    """Counted and resident bytes of large runs; bytes on disk."""
    lines = []
    for name, piece in pieces.items():
        for row in piece["rows"] if name.startswith("large") else []:
            counted, training = row["counted"] / 1e9, row["training"] / 1e9
            per = f"{row['bytes_per_connection']:.1f}"
            evolution = f"{row['evolution'] / 1e9:.3f}" if "evolution" in row else ""
            lines.append([name, f"{row['connections']:,}", per, f"{counted:.3f}", f"{training:.3f}", f"{row['training_over_counted']:.3f}",
                          f"{row['building'] / 1e9:.3f}", evolution])  # fmt: skip
    text = table(["run", "connections", "bytes each", "counted GB", "resident GB", "ratio", "while building", "while evolving"], lines)
    if "disk" in pieces:
        rows = {(row["net"], row["kind"]): row for row in pieces["disk"]["rows"]}
        lines = []
        for name in dict.fromkeys(name for name, _ in rows):
            sparse, dense = rows[name, "sparse"], rows[name, "dense"]
            lines.append([name, f"{sparse['net_bytes']:,}", f"{dense['net_bytes']:,}", f"{dense['net_bytes'] / sparse['net_bytes']:.1f}"])
        text += "\n\n" + table(["saved net", "sparse, bytes", "dense, bytes", "ratio"], lines)
    return text


def main():
    speed = record.load(RESULTS / "dense_vs_sparse.json")
    found = {"nets": nets(speed), "densities": sweeps(speed)}
    found |= {"kernels": kernels(record.load(RESULTS / "kernels.json")), "memory": memory(record.load(RESULTS / "memory.json"))}
    if "--readme" not in sys.argv:
        print("\n\n".join(f"# {name}\n\n{text}" for name, text in found.items()))
        return
    path = HERE.parent / "README.md"
    text = path.read_text(encoding="utf-8")
    for name, new in found.items():
        text = re.sub(f"(<!-- {name} -->\n).*?(\n<!-- end -->)", lambda m, new=new: m[1] + new + m[2], text, flags=re.DOTALL)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
