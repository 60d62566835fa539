"""Re-run a paper's experiment: one JSON file a run, figures and a summary; goes on where it stopped."""


def add_arguments(parser):
    """One sub-command per experiment, with its own arguments."""
    from ..experiments import dynamic_pruning

    subs = parser.add_subparsers(dest="experiment", required=True, metavar="EXPERIMENT")
    text = dynamic_pruning.__doc__.strip()
    dynamic_pruning.add_arguments(subs.add_parser("dynamic-pruning", help=text.splitlines()[0], description=text))


def run(args):
    """Run the experiment."""
    from ..experiments import dynamic_pruning

    return dynamic_pruning.main(args)
