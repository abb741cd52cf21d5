"""Conversion rules for arguments whose new value depends on the old value.

Each function receives the arguments of a call, as a dict of (new) names to source code, and returns the arguments to
write.
"""

import ast

from tensorsmith.migrate.entry import Given, RefusedError


def one_threshold(given: Given) -> Given:
    """Replace the arguments `lower` and `upper`, which must be -t and t, by a single argument `threshold`, t."""
    rest = {name: source for name, source in given.items() if name not in ("lower", "upper")}
    if rest == given:
        return given
    upper = given.get("upper", "0.5")
    low, high = _number(given.get("lower", "-0.5")), _number(upper)
    if low is None or high is None or low != -high:
        raise RefusedError("Keras takes a single threshold, so the bounds must be the numbers -t and t")
    return {**rest, "threshold": upper}


def _literal(source: str) -> object:
    try:
        return ast.literal_eval(source)
    except (ValueError, SyntaxError):
        return None


def _number(source: str) -> float | None:
    value = _literal(source)
    return value if isinstance(value, int | float) else None


def _may_be_number(source: str) -> bool:
    """Return `True` if the source code is a number, or a name, attribute or subscript that may be a number."""
    node = ast.parse(f"({source or None})", mode="eval").body  # the source may span several lines
    while isinstance(node, ast.Attribute) or (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)):
        node = node.value
    return isinstance(node, ast.Name) or _number(source) is not None
