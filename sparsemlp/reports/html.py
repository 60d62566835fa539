"""The report of runs and models as one HTML file: no script, no network, everything inside."""

import html
import statistics

from ..models.inference_weights import for_prediction
from . import svg
from .energy import energy_report, nanojoules
from .memory import PURPOSES, memory_report

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; max-width: 1200px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.6em; margin-bottom: 0.2em } h2 { font-size: 1.25em; border-bottom: 1px solid #d5d9de; margin-top: 2em }
h3 { font-size: 1em; margin-bottom: 0.3em } p { max-width: 75ch } .note { color: #57606a } .warn { color: #9a3412 }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.5em 0 }
th, td { padding: 0.2em 0.6em; text-align: right; border-bottom: 1px solid #e6e9ed; white-space: nowrap }
th:first-child, td:first-child { text-align: left } thead th { border-bottom: 2px solid #9aa4af; vertical-align: bottom }
thead th { white-space: normal }
td.text { text-align: left; white-space: normal } svg { max-width: 100%; height: auto } img { image-rendering: pixelated }
summary { cursor: pointer; color: #0550ae } .pair { display: flex; gap: 1.5em; flex-wrap: wrap; align-items: flex-start }
""".strip()
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def text(value):
    """A value as safe text; numbers with thousands separators."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return html.escape(str(value))


def table(head, rows, *, words=False):
    """Rows of values as a table; `words`: the cells are text, not numbers."""
    kind = ' class="text"' if words else ""
    lines = ["<tr>" + f"<td>{text(row[0])}</td>" + "".join(f"<td{kind}>{text(v)}</td>" for v in row[1:]) + "</tr>" for row in rows]
    top = f"<thead><tr>{''.join(f'<th>{text(h)}</th>' for h in head)}</tr></thead>" if head else ""
    return f'<div class="wide"><table>{top}<tbody>{"".join(lines)}</tbody></table></div>'


def page(runs, title="sparsemlp"):
    """The report.

    Parameters
    ----------
    runs : list of `reports.runs.Run`
    title : str

    Returns
    -------
    str
        A whole HTML document that refers to nothing outside; every text in it is escaped.
    """
    from .. import __version__

    parts = [f"<h1>{text(title)}</h1>", f'<p class="note">sparsemlp {text(__version__)}</p>', summary(runs)]
    figure = svg.curves(runs)
    if figure:
        dotted = " Dotted: test accuracy at the end." if any(run.test_accuracy is not None for run in runs) else ""
        dashed = " Dashed: validation." if any("val_loss" in run.records[0] for run in runs if run.records) else ""
        note = f"Losses and accuracies of the training steps, dropout included.{dashed}{dotted}"
        parts += ["<h2>Learning curves</h2>", figure, f'<p class="note">{note}</p>']
    for k, run in enumerate(runs):
        parts += _run(run, k)
    machine = next((run.machine for run in runs if run.machine), None)
    if machine:
        parts += ["<h2>Machine</h2>", table(None, machine.items(), words=True)]
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    head += f'<meta name="viewport" content="width=device-width"><title>{text(title)}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(parts) + "\n</body></html>\n"


def numbers(run):
    """What the summary table says of one run, as a dict."""
    net, records = run.network, run.records
    seconds = [r["seconds"] + r.get("evolution_seconds", 0.0) for r in records if "seconds" in r]
    small = memory_report(for_prediction(net))
    dense = sum(layer.n_in * layer.n_out for layer in net.layers)
    return {
        "test_accuracy": run.test_accuracy,
        "last": {k: records[-1][k] for k in ("loss", "accuracy", "val_loss", "val_accuracy") if k in records[-1]} if records else {},
        "epochs": len(records),
        "stopped": run.stopped,
        "seconds_per_epoch": statistics.median(seconds[1:] or seconds) if seconds else None,
        "connections": net.n_connections,
        "density": net.density,
        "parameters": net.n_parameters,
        "bytes_training": memory_report(net).weights,
        "bytes_prediction": small.total,
        "bytes_dense_prediction": (dense + sum(layer.n_out for layer in net.layers)) * net.dtype.itemsize,
        "bytes_file": run.file_bytes,
        "nanojoules": energy_report(net).nanojoules("float32"),
        "connected": bool(net.check_connectivity()),
    }


def summary(runs):
    """The table that compares the runs."""
    found = [numbers(run) for run in runs]

    def row(label, get):
        values = [get(n) for n in found]
        return [label, *values] if any(v is not None for v in values) else None

    def percent(v):
        return None if v is None else f"{100 * v:.2f} %"

    def kib(name):
        return lambda n: f"{n[name] / 1024:,.1f} KiB"

    rows = [
        row("test accuracy", lambda n: percent(n["test_accuracy"])),
        row("validation accuracy, last epoch", lambda n: percent(n["last"].get("val_accuracy"))),
        row("training accuracy, last epoch", lambda n: percent(n["last"].get("accuracy"))),
        row("training loss, last epoch", lambda n: n["last"].get("loss")),
        row("epochs", lambda n: n["epochs"] or None),
        row("ended early", lambda n: n["stopped"]),
        row("seconds per epoch", lambda n: n["seconds_per_epoch"]),
        row("connections", lambda n: n["connections"]),
        row("density", lambda n: f"{100 * n['density']:.4g} %"),
        row("parameters, biases included", lambda n: n["parameters"]),
        row("weights and optimizer state", kib("bytes_training")),
        row("the same net for prediction", kib("bytes_prediction")),
        row("a dense net of these widths for prediction", kib("bytes_dense_prediction")),
        row("file", kib("bytes_file")),
        row("multiplications of one inference, float32", lambda n: f"{text(n['nanojoules'])} nJ"),
        row("every unit on a path from input to output", lambda n: "yes" if n["connected"] else "no"),
    ]
    note = "Seconds per epoch: steps and topology change, the median, without the first epoch if there are others. Energy: of the"
    note += " arithmetic alone, 45 nm, without memory; for comparing nets. For prediction: sparsemlp.for_prediction."
    return table(["", *(run.name for run in runs)], [r for r in rows if r]) + f'<p class="note">{note}</p>'


def _run(run, k):
    """The parts about one net."""
    net, memory, energy = run.network, memory_report(run.network), energy_report(run.network)
    parts = [f"<h2>{text(run.name)}</h2>", f"<p>{text(net)}</p>"]
    degrees = [(layer.weights.fan_out(), layer.weights.fan_in()) for _, layer in net.weighted]
    head = ["layer", "shape", "activation", "dropout", "connections", "density", *(p.replace("_", " ") for p in PURPOSES), "nJ"]
    rows = []
    for n, (layer, row) in enumerate(zip(net.layers, memory.layers, strict=True)):
        said, w = layer.describe(), layer.weights
        stored = ", dense" if layer.uses_blas else ""
        kind = f"{layer.n_in:,} × {layer.n_out:,}" if said["kind"] == "Linear" else f"{said['kind']} {said['shape']}"
        cells = [kind + stored, said.get("activation", ""), said.get("dropout", "")]
        counts = ["", ""] if w is None else [w.n_connections, f"{100 * w.density:.4g} %"]
        rows.append([n, *cells, *counts, *(row[p] for p in PURPOSES), nanojoules(layer.multiplications())])
    total = [sum(row[p] for row in memory.layers) for p in PURPOSES]
    rows.append(["total", "", "", "", net.n_connections, f"{100 * net.density:.4g} %", *total, energy.nanojoules()])
    parts += ["<h3>Layers: bytes by purpose, energy of the multiplications</h3>", table(head, rows)]
    found = net.check_connectivity()
    said = str(found)
    parts.append(f'<p class="{"note" if found else "warn"}">Connectivity: {text(said)}.</p>')
    if not all(layer.uses_blas for layer in net.layers):
        image = svg.picture(degrees[0][0])
        caption = "<p class='note'>Connections of each input, as an image: brighter is more.</p>"
        side = f"<div>{image}{caption}</div>" if image else ""
        figure = svg.degrees(degrees, f"degrees{k}")
        parts += ["<h3>Connections of the units</h3>", f'<div class="pair"><div>{figure}</div>{side}</div>']
    figure = svg.over_time(run, f"density{k}")
    if figure:
        parts += ["<h3>Topology during training</h3>", figure]
    if run.settings:
        settings = table(None, run.settings.items(), words=True)
        parts.append(f"<details><summary>Settings</summary>{settings}</details>")
    if run.records:
        parts.append(f"<details><summary>History: {len(run.records):,} epochs</summary>{_history(run.records)}</details>")
    return parts


def _history(records):
    """All epochs; lists by layer are summed."""
    names = list(dict.fromkeys(name for record in records for name in record))
    names = [n for n in names if n not in ("density", "storage", "turned_sparse")]
    rows = [[_cell(n, record.get(n)) for n in names] for record in records]
    return table([n.replace("_", " ") for n in names], rows)


def _cell(name, value):
    if name == "epoch" and isinstance(value, int):
        return value + 1
    if isinstance(value, list) and all(isinstance(v, (int, float)) for v in value):
        return sum(value)
    return value
