"""Settings and states as JSON: numbers, text, lists, dicts, arrays, and frozen dataclasses by the name of their class."""

import dataclasses

import numpy as np

from .. import initializers, optimizers, policies, schedules
from ..errors import CheckpointError
from ..layers.base import Layer

DEEPEST = 40


def known_classes():
    """The settings classes of sparsemlp that a checkpoint may name, by name."""
    kinds = (optimizers.Optimizer, schedules.Schedule, policies.Policy, initializers.Initializer)
    found = [v for module in (optimizers, schedules, policies, initializers) for v in vars(module).values() if isinstance(v, type)]
    return {c.__name__: c for c in found if issubclass(c, kinds) and dataclasses.is_dataclass(c)}


def encode(value, where, put):
    """A value as JSON.

    Parameters
    ----------
    value : None, bool, int, float, str, array, NumPy number, list, tuple, dict with str keys, or frozen dataclass of those
    where : str
        For error messages: "SET.zeta".
    put : callable(array) -> int

    Raises
    ------
    CheckpointError
        Something else, such as a function.
    """
    if value is None or isinstance(value, (bool, str)) or type(value) in (int, float):
        return value
    if isinstance(value, np.generic):
        return {"number": put(value)}
    if isinstance(value, np.ndarray):
        return {"array": put(value)}
    if isinstance(value, (list, tuple)):
        parts = [encode(v, f"{where}[{k}]", put) for k, v in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": parts}
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        return {"dict": {k: encode(v, f"{where}[{k!r}]", put) for k, v in value.items()}}
    kind = type(value)
    if dataclasses.is_dataclass(value) and kind.__dataclass_params__.frozen:
        name = kind.__name__
        fields = {f.name: encode(getattr(value, f.name), f"{name}.{f.name}", put) for f in dataclasses.fields(kind) if f.init}
        return {"class" if known_classes().get(name) is kind else "custom": name, "fields": fields}
    raise CheckpointError(
        f"{where} cannot be saved: {value!r:.80} ({kind.__name__}). A checkpoint holds numbers, text, arrays, lists, dicts and frozen "
        "dataclasses of those. Write your own policy or schedule as a frozen dataclass, with its settings as fields, and load it by "
        f"sm.load(path, custom=[{kind.__name__ if kind.__name__.isidentifier() else 'TheClass'}])."
    )


class Decoder:
    """Values from JSON; what they are made of is checked by the constructors of their classes.

    Parameters
    ----------
    custom : sequence of classes
        Layers, and frozen dataclasses, of the user that a file may name.

    Attributes
    ----------
    array : callable(number, dtype, shape) -> array
        Of the file that is being read.
    """

    def __init__(self, custom=()):
        self.array, self.known = None, known_classes()
        for c in custom:
            settings = isinstance(c, type) and dataclasses.is_dataclass(c) and c.__dataclass_params__.frozen
            if not settings and not (isinstance(c, type) and issubclass(c, Layer)):
                raise TypeError(f"custom must list layers, and classes that are frozen dataclasses; got {c!r}.")
        self.layers = {c.__name__: c for c in custom if issubclass(c, Layer)}
        self.custom = {c.__name__: c for c in custom if not issubclass(c, Layer)}

    def __call__(self, value, where, depth=0):
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if depth > DEEPEST:
            raise CheckpointError(f"{where} is nested deeper than {DEEPEST} levels.")
        if not isinstance(value, dict):
            raise CheckpointError(f"{where} must be a number, text, or a tagged object; got {value!r:.80}.")
        if set(value) in ({"class", "fields"}, {"custom", "fields"}):
            return self._settings(value, where, depth)
        if len(value) != 1:
            raise CheckpointError(f"{where} must have one tag; got {list(value)!r:.80}.")
        tag, inner = next(iter(value.items()))
        if tag == "array":
            return self.array(inner)
        if tag == "number":
            return self.array(inner, shape=())[()]
        if tag in ("list", "tuple") and isinstance(inner, list):
            parts = [self(v, f"{where}[{k}]", depth + 1) for k, v in enumerate(inner)]
            return parts if tag == "list" else tuple(parts)
        if tag == "dict" and isinstance(inner, dict):
            return {k: self(v, f"{where}[{k!r:.40}]", depth + 1) for k, v in inner.items()}
        raise CheckpointError(f"{where} has the unknown tag {tag!r:.40}.")

    def _settings(self, value, where, depth):
        custom = "custom" in value
        name, fields = value["custom" if custom else "class"], value["fields"]
        if not isinstance(name, str) or not isinstance(fields, dict):
            raise CheckpointError(f"{where} must name a class and its fields; got {name!r:.80}.")
        cls = (self.custom if custom else self.known).get(name)
        if cls is None:
            fix = f"It is not one of sparsemlp's: give sm.load(path, custom=[{name:.80}])." if custom else "A newer sparsemlp may have it."
            raise CheckpointError(f"{where} is of the class {name:.80}, which is not known here. {fix}")
        known = {f.name: f for f in dataclasses.fields(cls) if f.init}
        spare = sorted(set(fields) - set(known))
        if spare:
            raise CheckpointError(f"{name} has no field {spare[0]:.80}. A newer sparsemlp may have it.")
        decoded = {k: self(v, f"{name}.{k}", depth + 1) for k, v in fields.items()}
        for k, v in decoded.items():
            if isinstance(known[k].default, bool) and not isinstance(v, (bool, np.bool_)):
                raise CheckpointError(f"{name}.{k} must be true or false; got {v!r:.80}.")
        try:
            return cls(**decoded)
        except Exception as error:  # whatever a constructor says to settings of the wrong type
            raise CheckpointError(f"the settings of {name} are not valid: {error}") from error
