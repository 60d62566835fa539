"""Runs of the same net with different topologies, side by side: what each reached, and what it cost."""

import statistics

ROWS = (  # what the table shows: label, entry of a run's outcome, format, divisor
    ("test accuracy", "test_accuracy", "{:.4f}", 1),
    ("seconds per epoch", "seconds_per_epoch", "{:.3f}", 1),
    ("connections", "connections", "{:,.0f}", 1),
    ("parameters", "parameters", "{:,.0f}", 1),
    ("KiB, weights + state", "bytes", "{:,.1f}", 1024),
)


def outcome(trainer, X_test, y_test):
    """What a run reached and what it cost.

    Parameters
    ----------
    trainer : Trainer
        After `fit`.
    X_test, y_test : arrays
        Scored here, once.

    Returns
    -------
    dict
        "test_accuracy" : float; "seconds_per_epoch" : float or None, the median of steps and topology change together, without the
        first epoch if there are others, which may also have compiled; "connections", "parameters" : int; "bytes" : int, of weights,
        indices, biases and optimizer state; "epochs" : int, that have ended; "stopped" : str or None; "history" : list of dict.
    """
    net, history = trainer.network, trainer.history
    seconds = [r["seconds"] + r["evolution_seconds"] for r in history.records]
    return {
        "test_accuracy": net.score(X_test, y_test),
        "seconds_per_epoch": statistics.median(seconds[1:] or seconds) if seconds else None,
        "connections": net.n_connections,
        "parameters": net.n_parameters,
        "bytes": sum(sum(layer.nbytes().values()) for layer in net.layers),
        "epochs": len(history),
        "stopped": history.stopped,
        "history": history.records,
    }


def table(arms):
    """The comparison as text: a row per quantity, a column per arm, and the ratio of each other arm to sparse.

    Parameters
    ----------
    arms : dict of str to dict
        "sparse", "dense", "small" or some of them, to what `outcome` returns.

    Returns
    -------
    str

    Examples
    --------
    >>> row = {"test_accuracy": 0.9, "seconds_per_epoch": 2.0, "connections": 1000, "parameters": 1010, "bytes": 20480}
    >>> print(table({"sparse": row, "dense": {**row, "test_accuracy": 0.91, "seconds_per_epoch": 8.0}}))
                                 sparse         dense    dense / sparse
    test accuracy                0.9000        0.9100      +1.00 points
    seconds per epoch             2.000         8.000              4.00
    connections                   1,000         1,000              1.00
    parameters                    1,010         1,010              1.00
    KiB, weights + state           20.0          20.0              1.00
    """
    others = [arm for arm in arms if arm != "sparse"] if "sparse" in arms else []
    lines = [" " * 21 + "".join(f"{arm:>14}" for arm in arms) + "".join(f"{arm + ' / sparse':>18}" for arm in others)]
    for label, name, form, divisor in ROWS:
        values = {arm: run[name] for arm, run in arms.items()}
        line = f"{label:<21}" + "".join(f"{'-' if v is None else form.format(v / divisor):>14}" for v in values.values())
        for arm in others:
            if None in (values[arm], values["sparse"]):
                text = "-"
            elif name == "test_accuracy":
                text = f"{100 * (values[arm] - values['sparse']):+.2f} points"
            else:
                text = f"{values[arm] / values['sparse']:.2f}"
            line += f"{text:>18}"
        lines.append(line)
    return "\n".join(lines)


def remarks(arms, n_test, load, cpus):
    """What a reader must know before trusting the table.

    Parameters
    ----------
    arms : dict
        As for `table`.
    n_test : int
        Rows of the test data.
    load : float or None
        Processes that wanted a CPU when the run began, as the system tells it.
    cpus : int

    Returns
    -------
    list of str
    """
    found = [f"Accuracy: of {n_test:,} test rows, looked at once; one row is {100 / n_test:.2f} points."]
    seconds = {arm: run["seconds_per_epoch"] for arm, run in arms.items()}
    known = {"sparse", "dense"} <= set(arms) and None not in seconds.values()
    if known and seconds["sparse"] >= seconds["dense"]:
        found.append("The sparse net took no less time than the dense one: layers this small give sparsity nothing to save.")
    if load is not None and load > cpus / 2:
        found.append(
            f"The CPUs were busy when this began (load {load:.1f} on {cpus}): the seconds are too long, the dense net's above all; "
            "repeat on a quiet machine before believing their ratio."
        )
    return found
