"""`save` and `load`: networks and trainers in the container's terms."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from .. import files as atomic
from ..engine.threads import engine, require_between_steps
from ..errors import CheckpointError
from ..models.network import Network
from ..training.trainer import Trainer
from .container import is_checkpoint, reading
from .loading import NETWORKS, get, load_network, load_trainer, typed
from .saving import require_savable
from .settings_json import Decoder


def save(path: str | os.PathLike, what: Network | Trainer) -> None:
    """Save a network, or a trainer with everything that `fit(resume=True)` needs, in one file.

    Parameters
    ----------
    path : path
        Used as it is; no suffix is added. An earlier checkpoint of this name is replaced in one go: whatever happens, there is a
        whole one.
    what : Network or Trainer
        Of a trainer: the network, optimizer and its state, policy and its state, schedules, loss, history and counters. Random
        numbers are drawn by (seed, purpose, counters), so no generator has a state to save. Callbacks are not saved.

    Raises
    ------
    CheckpointError
        `path` is a file of another kind; or a setting cannot be saved, such as a schedule that is a function; the message says how
        to write it so that it can.
    OSError
        Full disk, missing or read-only folder. What was saved before is unchanged.
    TypeError
        `what` is neither a network nor a trainer.

    Notes
    -----
    About 8 bytes a connection in float32, and 4 for each row of optimizer state; of a network of `for_prediction` 6, or 8 for layers of
    more than 65,536 inputs. The file holds no code: see `load`.

    Examples
    --------
    >>> import tempfile, sparsemlp as sm
    >>> net = sm.MLP([4, 3, 2], density=0.5, seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sm.save(folder + "/small.sm", net)
    ...     sm.load(folder + "/small.sm")
    MLP(4-3-2, 9 connections, density 0.5)
    """
    from .. import __version__

    path = os.fspath(path)
    if type(what) not in (Trainer, *NETWORKS.values()):
        fix = " A subclass has more than a checkpoint knows: save its parts." if isinstance(what, (Network, Trainer)) else ""
        raise TypeError(f"save takes a network or a trainer; got {type(what).__name__}.{fix}")
    if os.path.isfile(path) and os.path.getsize(path) and not is_checkpoint(path):
        raise CheckpointError(f"{path} exists and is no checkpoint; it is left as it is. Choose another name, or delete it first.")
    require_between_steps("save")
    with engine():  # between two steps of whatever thread trains it
        writer, content = require_savable(what)
        with atomic.replacing(path) as file:
            writer.write(file, content, __version__)


def load(path: str | os.PathLike, *, custom: Sequence[type] = ()) -> Any:
    """Load what `save` saved.

    Parameters
    ----------
    path : path
    custom : sequence of classes
        Policies and schedules of your own (frozen dataclasses) that the file may name.

    Returns
    -------
    MLP, Network or Trainer

    Raises
    ------
    CheckpointError
        The file is damaged, hostile, of a newer version, or names classes that are not known; the message says what is wrong.
    MemoryError
        It is larger than the memory that is available.
    OSError
        It cannot be opened.

    Notes
    -----
    Files from others are safe to load: nothing in them is executed, every index is checked before a kernel sees it, and memory
    follows the size of the file.
    """
    decoder = Decoder(custom)
    with reading(os.fspath(path)) as reader:
        content = typed(reader.content, dict, "content")
        decoder.array = reader.array
        network = load_network(get(content, "network", dict), reader, decoder)
        if set(content) == {"network"}:
            return network
        if set(content) != {"network", "trainer"}:
            raise CheckpointError(f"its content must be a network and perhaps a trainer; got {list(content)!r:.80}.")
        return load_trainer(get(content, "trainer", dict), network, decoder)
