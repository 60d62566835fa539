"""What every command checks about files before it begins to work."""

import argparse
import os
import pathlib


def output_path(text):
    """The path of a file or folder to write, as argparse's `type=`: a name such as --help was meant as an option.

    Raises
    ------
    argparse.ArgumentTypeError
        If the name begins with "-".
    """
    if text.startswith("-"):
        raise argparse.ArgumentTypeError(f"must not begin with '-'; got {text!r}. Write ./{text} if the file is really to have that name.")
    return pathlib.Path(text)


def check_arguments(args):
    """Raise OSError now, not after hours of work, if a file could not be written or a folder is not there.

    Parameters
    ----------
    args : argparse.Namespace
        --json and --figure name files, --out a folder that is made if need be (a file for the report), --data-dir one that exists.
    """
    found = {k: pathlib.Path(v) for k, v in vars(args).items() if k in ("json", "figure", "out", "data_dir") and v is not None}
    for name, path in found.items():
        argument = "--" + name.replace("_", "-")
        if name == "data_dir":
            if not path.is_dir():
                raise FileNotFoundError(f"{argument} must be a folder that exists; got {path}.")
        elif name == "out" and args.command != "report":
            _require_folder(argument, path)
        else:
            _require_file(argument, path)


def _require_file(argument, path):
    folder = path.absolute().parent
    if path.is_dir():
        raise IsADirectoryError(f"{argument} must be a file; {path} is a folder. {path / 'FILE'} would be one.")
    if not folder.is_dir():
        raise FileNotFoundError(f"{argument} must be in a folder that exists; got {path}. Make it first: mkdir -p {folder}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise PermissionError(f"{argument} must be a file that can be written; {path} cannot.")


def _require_folder(argument, path):
    """Also for a folder that does not exist yet: the nearest one that does must let it be made."""
    nearest = path.absolute()
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir():
        raise NotADirectoryError(f"{argument} must be a folder; {nearest} is a file.")
    if not os.access(nearest, os.W_OK):
        raise PermissionError(f"{argument} must be a folder that can be written to; {nearest} cannot.")


def words(error):
    """What an error says, without the number of the system's."""
    if isinstance(error, OSError) and error.errno and error.strerror:
        return error.strerror + (f": {error.filename}" if error.filename else "")
    return str(error) or type(error).__name__
