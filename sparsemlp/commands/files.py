"""What commands check about files before they begin to work."""

import os


def require_folder(argument, path):
    """Raise OSError, before hours of work, unless a file of this name can be written; None is no file.

    Parameters
    ----------
    argument : str
        As the user gave it, for the message: "--json".
    path : pathlib.Path or None
    """
    if path is None:
        return
    folder = path.absolute().parent
    if path.is_dir():
        raise IsADirectoryError(f"{argument} must be a file; {path} is a folder. {path / 'FILE'} would be one.")
    if not folder.is_dir():
        raise FileNotFoundError(f"{argument} must be in a folder that exists; got {path}. Make it first: mkdir -p {folder}")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{argument} must be in a folder that can be written to; {folder} cannot.")
