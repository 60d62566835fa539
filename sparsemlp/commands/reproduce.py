"""Re-run a paper's experiment: one JSON file a run, figures and a summary; goes on where it stopped."""

import importlib

EXPERIMENTS = {
    "dynamic-pruning": "dynamic_pruning",
    "at-initialization": "at_initialization",
    "annealed": "annealed",
    "structured": "structured",
    "adaptive": "adaptive",
}


def add_arguments(parser):
    """One sub-command per experiment, with its own arguments."""
    subs = parser.add_subparsers(dest="experiment", required=True, metavar="EXPERIMENT")
    for name in EXPERIMENTS:
        module = _module(name)
        text = module.__doc__.strip()
        module.add_arguments(subs.add_parser(name, help=text.splitlines()[0], description=text))


def run(args):
    """Run the experiment."""
    return _module(args.experiment).main(args)


def _module(name):
    return importlib.import_module(f"..experiments.{EXPERIMENTS[name]}", __package__)
