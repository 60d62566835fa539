"""Say where each data set was found, or which files to put where; --download fetches what is missing."""

import pathlib

from ..callbacks import write_json


def add_arguments(parser):
    """The command's arguments."""
    from ..datasets import names

    parser.add_argument("name", nargs="*", metavar="NAME", help=f"of {', '.join(names())} (default: all)")
    parser.add_argument("--data-dir", help="folder that is searched first")
    parser.add_argument("--download", action="store_true", help="download what is missing into the user's cache")
    parser.add_argument("--json", type=pathlib.Path, help="write the findings to this file")
    parser.add_argument("--seed", type=int, default=0, help="accepted by every command; nothing is drawn here")


def run(args):
    """Load each data set and print its shape; returns 1 if one is missing."""
    from .. import checks, datasets
    from ..errors import DatasetError

    found, code = {}, 0
    for name in args.name or datasets.names():
        checks.choice("NAME", name, datasets.names())
        try:
            X, y, X_test, _ = datasets.load(name, data_dir=args.data_dir, download=args.download)
        except DatasetError as error:
            found[name], code = {"error": str(error)}, 1
            print(f"{name}: not usable\n  " + str(error).replace("\n", "\n  "))
            continue
        found[name] = {"train": len(X), "test": len(X_test), "features": X.shape[1], "dtype": str(X.dtype), "classes": len(set(y.tolist()))}
        row = found[name]
        print(f"{name}: {row['train']:,} + {row['test']:,} rows, {row['features']} features ({row['dtype']}), {row['classes']} classes")
    if args.json:
        write_json(args.json, found)
    return code
