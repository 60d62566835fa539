"""Re-run a paper's experiment: one JSON file a run, figures and a summary; goes on where it stopped."""

import importlib
import json
import pathlib

EXPERIMENTS = {
    "dynamic-pruning": "dynamic_pruning",
    "at-initialization": "at_initialization",
    "annealed": "annealed",
    "structured": "structured",
    "adaptive": "adaptive",
}


def add_arguments(parser):
    """One sub-command per experiment, with its own arguments."""
    subs = parser.add_subparsers(dest="experiment", required=True, metavar="EXPERIMENT", parser_class=type(parser))
    for name in EXPERIMENTS:
        module = _module(name)
        text = module.__doc__.strip()
        sub = subs.add_parser(name, help=text.splitlines()[0], description=text)
        module.add_arguments(sub)
        sub.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the results of all runs in --out to this file too")


def run(args):
    """Run the experiment."""
    from ..files import write_json

    code = _module(args.experiment).main(args)
    if args.json:
        write_json(args.json, {"experiment": args.experiment, "results": _results(pathlib.Path(args.out), args.json)})
        print(f"Written:\n  {args.json}")
    return code


def _results(out, apart):
    """What the JSON files directly in a folder say, by name; `apart` is not one of them."""
    paths = [path for path in sorted(out.glob("*.json")) if path.absolute() != apart.absolute()]
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def _module(name):
    return importlib.import_module(f"..experiments.{EXPERIMENTS[name]}", __package__)
