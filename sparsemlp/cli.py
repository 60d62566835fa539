"""The `sparsemlp` command: one file per sub-command in `commands/`."""

import argparse
import sys

from . import __version__
from .commands import bench, data, memory, report, reproduce, train

COMMANDS = {"train": train, "bench": bench, "data": data, "memory": memory, "report": report, "reproduce": reproduce}


def parser():
    """The argument parser of the whole command."""
    top = argparse.ArgumentParser(prog="sparsemlp", description="Neural networks that are sparse while they train.")
    top.add_argument("--version", action="version", version=f"sparsemlp {__version__}")
    subs = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        text = module.__doc__.strip()
        sub = subs.add_parser(
            name, help=text.splitlines()[0], description=text, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
        )
        module.add_arguments(sub)
    return top


def main(argv=None):
    """Run the command; returns its exit code: 0, 2 for what the user can mend, 130 after Ctrl-C."""
    args = parser().parse_args(argv)
    try:
        return COMMANDS[args.command].run(args) or 0
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        sys.stderr.write(f"sparsemlp {args.command}: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"sparsemlp {args.command}: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
