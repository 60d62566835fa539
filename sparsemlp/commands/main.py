"""The `sparsemlp` command: one file per sub-command in `commands/`."""

import argparse
import difflib
import os
import sys

from .. import __version__
from . import bench, data, files, memory, report, train

COMMANDS = {"train": train, "bench": bench, "data": data, "memory": memory, "report": report}
LONG_USAGE = ("train", "bench")  # their options are told by --help only, not again before every error


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, with what was probably meant and where help is."""

    def __init__(self, **options):
        super().__init__(**{"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False, **options})

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\nHelp: {self.prog} --help\n")

    def parse_known_args(self, args=None, namespace=None):
        found, rest = super().parse_known_args(args, namespace)
        if rest:  # said by the sub-command that did not know it, not by the command above it
            near = difflib.get_close_matches(rest[0], self._option_string_actions, 1)
            self.error(f"unknown argument {rest[0]}" + (f"; did you mean {near[0]}?" if near else "."))
        return found, rest

    def _check_value(self, action, value):
        if action.choices is not None and value not in action.choices:
            near = difflib.get_close_matches(str(value), map(str, action.choices), 1)
            meant = f"did you mean {near[0]}?" if near else f"choose from {', '.join(map(str, action.choices))}."
            raise argparse.ArgumentError(action, f"there is no {value!r}; {meant}")


def parser():
    """The argument parser of the whole command."""
    top = Parser(prog="sparsemlp", description="Neural networks that are sparse while they train.")
    top.add_argument("--version", action="version", version=f"sparsemlp {__version__}")
    subs = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, module in COMMANDS.items():
        text = module.__doc__.strip()
        usage = f"sparsemlp {name} [options]" if name in LONG_USAGE else None
        module.add_arguments(subs.add_parser(name, help=text.splitlines()[0], description=text, usage=usage))
    return top


def main(argv=None):
    """Run the command; returns its exit code: 0, 2 for what the user can mend, 130 after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):  # a terminal that cannot show a letter shows a question mark
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    top = parser()
    args = top.parse_args(argv)
    if args.command is None:
        top.print_help()
        return 2
    try:
        files.check_arguments(args)
        code = COMMANDS[args.command].run(args) or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        sys.stderr.write(f"sparsemlp {args.command}: {files.words(error)}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"sparsemlp {args.command}: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
