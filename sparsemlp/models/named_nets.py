"""Nets that have a name, and widths written as text: "mlp-1k", "784-300-100-10"."""

NETS = {  # all widths, inputs first; of Chouliaras, Fragkou, Katsaros (PCI 2021)
    "mlp-1k": (784, 1000, 1000, 1000, 10),
    "mlp-4k": (784, 4000, 1000, 4000, 10),
    "mlp-4k4l": (784, 4000, 2000, 2000, 1000, 10),
}


def widths(text: str, n_in: int | None = None, n_out: int | None = None) -> tuple[int, ...]:
    """Return widths of a net that is given as text, inputs first.

    Parameters
    ----------
    text : str
        A name in `NETS`, or all widths with "-" between them.
    n_in, n_out : int, optional
        What the data need. A net with a name takes them in place of its own ends; other widths must have them.

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        If the text is neither, has fewer than two widths or one below 1, or other ends than the data need.

    Examples
    --------
    >>> widths("784-300-10")
    (784, 300, 10)
    >>> widths("mlp-1k", n_in=64)
    (64, 1000, 1000, 1000, 10)
    """
    if text in NETS:
        named = NETS[text]
        return (named[0] if n_in is None else n_in, *named[1:-1], named[-1] if n_out is None else n_out)
    try:
        found = tuple(int(n) for n in text.split("-"))
    except ValueError:
        ends = 784 if n_in is None else n_in, 10 if n_out is None else n_out
        raise ValueError(f"--net must be one of {', '.join(NETS)}, or widths such as {ends[0]}-300-{ends[1]}; got {text!r}.") from None
    if len(found) < 2 or min(found) < 1:
        raise ValueError(f"--net must be at least two widths from 1, inputs and outputs, such as 784-10; got {text}.")
    if found[0] != (n_in or found[0]) or found[-1] != (n_out or found[-1]):
        raise ValueError(f"--net must run from the data set's {n_in} features to its {n_out} classes; got {text}.")
    return found
