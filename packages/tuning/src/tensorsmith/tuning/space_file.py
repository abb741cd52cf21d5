"""YAML format of search spaces, such as `learning_rate: {log_uniform: [1e-4, 1e-1]}`."""

from collections.abc import Mapping
from typing import Any

from tensorsmith.core import ArgumentError, argument_error, did_you_mean
from tensorsmith.tuning.space import Choice, Float, Int, Range

KINDS = ("uniform", "log_uniform", "integer", "choice")
OPTIONS = {"uniform": (), "log_uniform": (), "integer": ("step", "log"), "choice": ()}


def parse_space(lines: Mapping[str, Any]) -> dict[str, Range]:
    """Returns a dict of the search ranges that the content of a YAML file declares.

    Args:
        lines: Mapping from hyperparameter names to mappings. Each inner mapping has one of the keys `uniform`,
            `log_uniform` and `integer` (with two bounds) or `choice` (with a list of options). It may also have the
            keys `step`, `log` and `when`, as in `tensorsmith.tuning.integer`.

    Raises:
        ArgumentError: If an entry is invalid. The message lists all errors.

    Example:
        >>> for name, known in parse_space({"units": {"integer": [1, 99]}, "rate": {"uniform": [0, 0.5]}}).items():
        ...     print(name, known)
        units integer(1, 99)
        rate uniform(0, 0.5)
    """
    space, mistakes = {}, []
    for name, said in lines.items():
        try:
            space[str(name)] = _parse(str(name), said)
        except ArgumentError as error:
            mistakes.append(str(error))
    if mistakes:
        raise ArgumentError("\n".join(mistakes))
    return space


def as_lines(known: Range) -> dict[str, Any]:
    """Returns a dict that represents a hyperparameter range in the YAML format of `parse_space`."""
    when = {"when": {name: _plain(value) for name, value in known.when.items()}} if known.when else {}
    if isinstance(known, Choice):
        return {"choice": [_plain(option) for option in known.options], **when}
    if isinstance(known, Int):
        step = {} if known.step is None else {"step": known.step}
        return {"integer": [known.low, known.high], **step, **({"log": True} if known.log else {}), **when}
    if isinstance(known, Float):
        return {"log_uniform" if known.log else "uniform": [known.low, known.high], **when}
    raise NotImplementedError(type(known).__name__)


def _parse(name: str, said: Any) -> Range:
    form = "a mapping such as `{log_uniform: [1e-4, 1e-1]}`"
    if not isinstance(said, dict):
        raise argument_error(name, said, form, "remove the line, or set the value with a flag")
    kinds = [kind for kind in said if kind in KINDS]
    if len(kinds) != 1:
        guess = next((guess for word in said if (guess := did_you_mean(str(word), KINDS))), "")
        raise argument_error(name, said, f"a mapping with exactly one of the keys {', '.join(KINDS)}", guess)
    (kind,) = kinds
    allowed = (kind, "when", *OPTIONS[kind])
    for word in said:
        if word not in allowed:
            remedy = did_you_mean(str(word), allowed)
            raise argument_error(
                f"{name}.{word}", said[word], f"omitted ({name} accepts only {', '.join(allowed)})", remedy
            )
    when = said.get("when", {})
    if not isinstance(when, dict):
        raise argument_error(f"{name}.when", when, "a mapping such as `{optimizer: sgd}`")
    values = said[kind]
    if not isinstance(values, list):
        raise argument_error(f"{name}.{kind}", values, "a list")
    when = {str(parent): _hashable(value) for parent, value in when.items()}
    try:
        if kind == "choice":
            return Choice(tuple(map(_hashable, values)), when=when)
        if len(values) != 2:
            raise argument_error(kind, values, "a pair of bounds")
        low, high = map(_number, values)
        if kind == "integer":
            log = said.get("log", False)
            if not isinstance(log, bool):
                raise argument_error("log", log, "true or false")
            return Int(low, high, said.get("step"), log, when=when)
        return Float(low, high, kind == "log_uniform", when=when)
    except ArgumentError as error:
        raise ArgumentError(f"{name}: {error}") from error


def _number(value: Any) -> Any:
    """Converts numeric strings to floats, because YAML 1.1 reads numbers such as 1e-4 as strings."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    return list(map(_plain, value)) if isinstance(value, tuple) else value
