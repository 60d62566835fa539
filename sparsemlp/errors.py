"""The errors that sparsemlp raises beside Python's own ValueError and TypeError."""


class TopologyError(ValueError):
    """Connections that are no valid topology: out of range, unsorted, doubled, or misaligned with their state."""


class ConnectivityWarning(UserWarning):
    """Units of a net lie on no path from an input to an output; `Network.check_connectivity()` says which."""


class PolicyWarning(UserWarning):
    """A policy will do nothing in this run, or nothing that lasts."""


class NonFiniteError(FloatingPointError):
    """A number in a training run became NaN or infinite; the message names the epoch, the step and the layer."""


class DatasetError(OSError):
    """A data file is missing, damaged, or not what it claims to be; the message names the file."""


class CheckpointError(ValueError):
    """A checkpoint is damaged, hostile, from a newer version, or does not fit what it is loaded into."""
