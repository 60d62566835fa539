"""What a fit looks at before it begins: whether a resumed run is the same one, and whether something will do nothing."""

import hashlib
import warnings

import numpy as np

from ..engine.batches import Rows, Targets
from ..errors import ConnectivityWarning

SAMPLED = 64  # rows of X that the fingerprint reads


def run_of(source, targets, batch_size, shuffle, weights):
    """What decides the rest of a run beside the trainer, as a dict that a checkpoint can save.

    Parameters
    ----------
    source : Rows
    targets : Targets
    batch_size : int
    shuffle : bool
    weights : float64[n_samples] or None

    Notes
    -----
    "data" is a hash of the targets, the weights and at most 64 rows of X: another data set is noticed, another number in one row may
    not be.
    """
    digest = hashlib.sha256()
    rows = np.unique(np.linspace(0, len(source) - 1, SAMPLED).astype(np.int64))
    part = source.X[rows]
    for array in (part.data, part.indices) if source.sparse else (part,):
        digest.update(np.ascontiguousarray(array, np.float64 if array.dtype.kind != "i" else np.int64).tobytes())
    for array in (targets.values, weights):
        if array is not None:
            digest.update(np.ascontiguousarray(array).tobytes())
    return {"samples": len(source), "batch_size": batch_size, "shuffle": bool(shuffle), "data": digest.hexdigest()[:16]}


WORDS = {
    "samples": "with as many samples",
    "batch_size": "with the same batch_size",
    "shuffle": "with the same shuffle",
    "data": "with the same X, y and sample_weight",
}


def same_run(before, now):
    """Return `now`, or raise ValueError if a run would be resumed with other data or batches: its bits would be those of no run."""
    for name, words in WORDS.items():
        if name in before and before[name] != now[name]:
            raise ValueError(
                f"A run must be resumed {words}; it had {before[name]!r}, now it is {now[name]!r}. "
                "fit without resume trains the network further in a new run."
            )
    return now


def validation_rows(validation_data, network, loss):
    """(Rows, Targets) of validation data, or None without any; an error if they do not fit."""
    if validation_data is None:
        return None
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
        n = f" of {len(validation_data)}" if isinstance(validation_data, (tuple, list)) else ""
        raise TypeError(f"validation_data must be a pair (X, y); got {type(validation_data).__name__}{n}.")
    X, y = validation_data
    source = Rows(X, network.n_in, "validation X", dtype=network.dtype)
    return source, Targets(y, len(source), network, loss, "validation y")


def monitored_names(loss, validated):
    """What callbacks may monitor: the numbers that the history of this run will have."""
    names = ["loss", "accuracy"] if loss.has_accuracy else ["loss"]
    return (*names, *(f"val_{name}" for name in names if validated), "lr", "seconds", "evolution_seconds", "evaluation_seconds", "bytes")


def warn_of_idle_units(network):
    """Warn before a run of units that lie on no path from an input to an output."""
    found = network.check_connectivity()
    if not found:
        warnings.warn(f"Some units do nothing: {found}. See net.check_connectivity().", ConnectivityWarning, stacklevel=4)


def warn_of_lost_outputs(network, record):
    """Warn if the topology changes of an epoch left outputs that no input reaches any more; returns whether it did."""
    if sum(record["dropped"]) <= sum(record["grown"]):
        return False
    found = network.check_connectivity()
    if found.unreached[-1].size:
        warnings.warn(
            f"The topology changes of epoch {record['epoch']} left {found.unreached[-1].size} of {network.n_out} outputs that no input "
            f"reaches: {found}. Keep more connections.",
            ConnectivityWarning,
            stacklevel=4,
        )
    return bool(found.unreached[-1].size)
