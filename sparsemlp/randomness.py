"""Random streams: one seed, and a key that says what the draw is for. No stream's state is ever saved, only the counters in its key."""

import numpy as np

PURPOSES = {"topology": 0, "weights": 1, "shuffle": 2, "dropout": 3, "policy": 4, "augment": 5, "split": 6, "procedure": 7}


def stream(seed: int, purpose: str, *counters: int) -> np.random.Generator:
    """`np.random.Generator` for (seed, purpose, counters), independent of every other.

    Examples
    --------
    >>> float(stream(0, "shuffle", 3).random()) == float(stream(0, "shuffle", 3).random())
    True
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(PURPOSES[purpose], *counters))))


def key(seed: int, purpose: str, *counters: int) -> int:
    """A 63-bit key for kernels that draw by a counter hash."""
    words = np.random.SeedSequence(seed, spawn_key=(PURPOSES[purpose], *counters)).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


def step_key(base: int, step: int, layer: int) -> int:
    """A 63-bit key for one layer in one step, from the base key of a run: a few integer operations, cheap enough for each step."""
    h = (base + step * 0x9E3779B97F4A7C15 + layer * 0xD1B54A32D192ED03) & 0xFFFFFFFFFFFFFFFF
    h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    return (h ^ (h >> 27)) >> 1
