"""Pieces of Markdown tables that several experiments' reports share."""

import statistics


def row(*cells):
    """A line of a table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def spread(values, scale=100, digits=2, sign=""):
    """ "mean ± deviation" of several values, "value" of one."""
    mean = f"{scale * statistics.mean(values):{sign}.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {scale * statistics.stdev(values):.{digits}f}"


def machines(files):
    """CPU and threads of runs' files, each combination once."""
    return "; ".join(sorted({f"{f['machine']['cpu']}, {f['machine']['threads']} thread(s)" for f in files}))


def commits(files):
    """The commits that runs' files name, shortened, each once."""
    return ", ".join(sorted({str(f["machine"]["commit"])[:7] for f in files}))
