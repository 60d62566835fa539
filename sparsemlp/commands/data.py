"""Say where each data set was found, or which files to put where; --download fetches what is missing."""

from .. import checks
from .files import output_path


def add_arguments(parser):
    """The command's arguments."""
    from ..datasets import names

    parser.add_argument("name", nargs="*", metavar="NAME", help=f"of {', '.join(names())} (default: all)")
    parser.add_argument("--data-dir", metavar="DIR", help="folder that is searched first")
    parser.add_argument("--download", action="store_true", help="download what is missing into the user's cache")
    parser.add_argument("--json", type=output_path, metavar="FILE", help="write the findings to this file")
    parser.add_argument("--seed", type=int, default=0, help="accepted by every command; nothing is drawn here")


def run(args):
    """Find, read and verify each data set; returns 1 if one that was asked for by name is missing."""
    from ..datasets import FROM_FILES, locate, names
    from ..datasets.digits import load_digits
    from ..errors import DatasetError
    from ..files import write_json

    wanted = args.name or names()
    for name in wanted:
        checks.choice("NAME", name, names())
    found, missing = {}, []
    for name in wanted:
        try:
            if name == "digits":
                place, (X, y, X_test, _) = "in the package", load_digits()
            else:
                layout, paths = locate.find(FROM_FILES[name], args.data_dir, args.download)
                place, (X, y, X_test, _) = str(paths[0].parent), layout.read(paths)
        except DatasetError as error:
            found[name] = {"error": str(error)}
            missing.append(name)
            print(f"{name}: not usable\n  " + str(error).replace("\n", "\n  "))
            continue
        row = {"train": len(X), "test": len(X_test), "features": X.shape[1], "dtype": str(X.dtype), "classes": len(set(y.tolist()))}
        found[name] = {"place": place, **row}
        print(f"{name}: {row['train']:,} + {row['test']:,} rows, {row['features']} features ({row['dtype']}), {row['classes']} classes")
        print(f"  {place}")
    if missing and not args.download:
        print(f"\nTo download: sparsemlp data {' '.join(missing)} --download")
    if args.json:
        write_json(args.json, found)
    return 1 if args.name and missing else 0
