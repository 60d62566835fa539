"""Policies as text, for the command line: "RigL(every=100)". Names of ours and plain values; nothing is evaluated."""

import ast
import difflib

from .. import policies, schedules
from ..policies.base import Policy
from ..schedules import Schedule

SHORT = {"set": "SET()", "static": "Static()"}


def _known():
    found = [getattr(module, name) for module in (policies, schedules) for name in dir(module)]
    classes = [c for c in found if isinstance(c, type) and issubclass(c, (Policy, Schedule)) and c not in (Policy, Schedule)]
    return {c.__name__: c for c in classes}


def parse(text):
    """The policy that a text names.

    Parameters
    ----------
    text : str
        "set", "static", or the call of a policy as in Python: class names of policies and schedules, numbers, strings, tuples, lists, None,
        True, False.

    Returns
    -------
    Policy

    Raises
    ------
    ValueError
        It is no such call; or what the policy itself says of its settings, a `TypeError` of theirs too.

    Examples
    --------
    >>> parse("SET(zeta=ExponentialDecay(0.3, interest=0.01))")
    SET(zeta=ExponentialDecay(start=0.3, interest=0.01), by='sign', new='zero')
    >>> parse("rigl")
    Traceback (most recent call last):
    ValueError: --policy must be set, static or a call such as RigL(every=100); got 'rigl'. Did you mean RigL(...)?
    """
    rule = f"--policy must be set, static or a call such as RigL(every=100); got {text!r}."
    try:
        tree = ast.parse(SHORT.get(text, text), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(rule) from None
    if not isinstance(tree, ast.Call):
        raise ValueError(rule + _near(text, _known(), " Did you mean {}(...)?"))
    policy = _build(tree, _known(), rule)
    if not isinstance(policy, Policy):
        raise ValueError(f"{rule} A schedule is what a policy is given.")
    return policy


def _build(node, known, rule):
    if not isinstance(node, ast.Call):
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, RecursionError, MemoryError):
            raise ValueError(f"{rule} {ast.unparse(node)} is no number, text, list or known call.") from None
    name = ast.unparse(node.func)
    if name not in known:
        names = ", ".join(n for n, c in known.items() if issubclass(c, Policy))
        raise ValueError(f"{rule} There is no {name};{_near(name, known, ' did you mean {}?')} policies: {names}.")
    if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
        raise ValueError(f"{rule} Write each argument out.")
    args = [_build(a, known, rule) for a in node.args]
    named = {k.arg: _build(k.value, known, rule) for k in node.keywords}
    try:
        return known[name](*args, **named)
    except TypeError as error:
        raise ValueError(f"--policy {name}: {error}") from error


def _near(name, names, form):
    by_lower = {n.lower(): n for n in names}
    near = difflib.get_close_matches(name.lower(), by_lower, 1)
    return form.format(by_lower[near[0]]) if near else ""
