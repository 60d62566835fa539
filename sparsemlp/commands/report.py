"""Write a report of runs and models as one HTML file that needs no network.

It tells of accuracy, density, bytes, energy and connectivity, and shows learning curves and the whole history. RUN is a folder that
`sparsemlp train` wrote, or a file of sparsemlp.save; several are compared. Nothing is trained or evaluated.
"""

import pathlib

from .files import output_path


def add_arguments(parser):
    """The command's arguments."""
    add = parser.add_argument
    add("run", nargs="+", type=pathlib.Path, metavar="RUN", help="folder of a run, or a saved model")
    add("--out", type=output_path, metavar="FILE", help="where to write the report (default: report.html in the folder of the first RUN)")
    add("--title", help="its headline (default: the name of the first RUN)")
    add("--json", type=output_path, metavar="FILE", help="write the numbers of the summary to this file")
    add("--seed", type=int, default=0, help="accepted by every command; nothing is drawn here")


def run(args):
    """Read everything, then write the page."""
    from ..files import write_json, write_text
    from ..reports import html, runs

    first = args.run[0]
    out = args.out or (first if first.is_dir() else first.parent) / "report.html"
    found = runs.read(args.run)
    write_text(out, html.page(found, args.title or first.absolute().name))
    written = [out]
    if args.json:
        write_json(args.json, {r.name: html.numbers(r) for r in found})
        written.append(args.json)
    print("Written:" + "".join(f"\n  {path}" for path in written))
