"""Search spaces, which consist of hyperparameter ranges declared in a configuration class or a YAML file.

Recipes import this module before training, so it does not depend on TensorFlow or keras-tuner.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from tensorsmith.core import ArgumentError, Verbatim, argument_error, check, did_you_mean

KEY = "tensorsmith.tuning"  # metadata key of the range in a dataclass field

Conditions = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Range:
    """Base class for hyperparameter ranges.

    Attributes:
        when: Mapping from other hyperparameters to the value, or a list of values, under which this one is searched.
            Otherwise it keeps its value in the configuration.
    """

    when: Conditions = dataclasses.field(default_factory=dict, kw_only=True)

    @property
    def probes(self) -> tuple[Any, ...]:
        """Values with which a configuration field is tested. If it accepts them, it accepts the entire range."""
        raise NotImplementedError

    @property
    def middle(self) -> Any:
        """Central value of the range, used as its default."""
        raise NotImplementedError

    def __contains__(self, value: Any) -> bool:
        raise NotImplementedError

    def allows(self, name: str, value: Any) -> bool:
        """Returns `True` if `value` satisfies the condition on the hyperparameter `name`."""
        wanted = self.when[name]
        return value in wanted if isinstance(wanted, list | tuple) else value == wanted


@dataclasses.dataclass(frozen=True)
class Float(Range):
    """Range of floats, sampled uniformly or, if `log` is `True`, log-uniformly."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_ends(self.low, self.high, self.log, (int, float))

    @property
    def probes(self) -> tuple[Any, ...]:
        """Lower bound, central value and upper bound of the range."""
        return self.low, self.high, self.middle

    @property
    def middle(self) -> float:
        """Arithmetic mean of the bounds, or their geometric mean if `log` is `True`."""
        return math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2

    def __contains__(self, value: Any) -> bool:
        return _is_number(value, (int, float)) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{'log_uniform' if self.log else 'uniform'}({self.low:g}, {self.high:g})"


@dataclasses.dataclass(frozen=True)
class Int(Range):
    """Range of integers, including both bounds. If `log` is `True`, `step` is a factor instead of an increment."""

    low: int
    high: int
    step: int | None = None
    log: bool = False

    def __post_init__(self) -> None:
        _check_ends(self.low, self.high, self.log, (int,))
        least = 2 if self.log else 1
        fits = self.step is None or (_is_number(self.step, (int,)) and self.step >= least)
        check(fits, "step", self.step, f"an integer >= {least}, or None")

    @property
    def probes(self) -> tuple[Any, ...]:
        """Lower and upper bounds of the range."""
        return self.low, self.high

    @property
    def middle(self) -> int:
        """Lower bound if `step` is given, otherwise the mean of the bounds (geometric mean if `log` is `True`)."""
        if self.step is not None:
            return self.low
        return round(math.sqrt(self.low * self.high)) if self.log else (self.low + self.high) // 2

    def __contains__(self, value: Any) -> bool:
        return _is_number(value, (int,)) and self.low <= value <= self.high

    def __str__(self) -> str:
        more = [f"step={self.step}"] * (self.step is not None) + ["log=True"] * self.log
        return f"integer({', '.join([str(self.low), str(self.high), *more])})"


@dataclasses.dataclass(frozen=True)
class Choice(Range):
    """List of options, each of which is JSON-serializable or a tuple."""

    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        check(len(self.options) >= 1, "options", self.options, "non-empty")
        twice = [each for i, each in enumerate(self.options) if each in self.options[:i]]
        check(not twice, "options", self.options, "contain distinct values")

    @property
    def probes(self) -> tuple[Any, ...]:
        """All options of the hyperparameter."""
        return self.options

    @property
    def middle(self) -> Any:
        """First option, used as the default."""
        return self.options[0]

    def __contains__(self, value: Any) -> bool:
        return value in self.options

    def __str__(self) -> str:
        return f"choice({list(self.options)})"


def uniform(low: float, high: float, *, default: float | None = None, when: Conditions | None = None) -> Any:
    """Declares a `Config` field with a uniform search range of floats.

    Args:
        low: Lower bound of the range.
        high: Upper bound of the range.
        default: Value of the field if it is not searched. Defaults to the middle of the range.
        when: Dict that maps the names of other fields to a value or a list of values. This field is searched only if
            each of these fields has one of the given values.

    Raises:
        ValueError: If `low` exceeds `high`, or if `default` is outside of the range.
    """
    return _field(Float(low, high, when=when or {}), default)


def log_uniform(low: float, high: float, *, default: float | None = None, when: Conditions | None = None) -> Any:
    """Declares a `Config` field with a log-uniform search range of floats.

    Args:
        low: Lower bound of the range, which must be positive.
        high: Upper bound of the range.
        default: Value of the field if it is not searched. Defaults to the geometric mean of the bounds.
        when: Dict that maps the names of other fields to a value or a list of values. This field is searched only if
            each of these fields has one of the given values.

    Raises:
        ValueError: If `low` is not positive or exceeds `high`, or if `default` is outside of the range.

    Example:
        >>> from dataclasses import dataclass
        >>> import tensorsmith.tuning as tune
        >>> @dataclass(frozen=True)
        ... class Config:
        ...     optimizer: str = tune.choice(["sgd", "adam"])
        ...     learning_rate: float = tune.log_uniform(1e-4, 1e-1, default=0.01)
        ...     momentum: float = tune.uniform(0.0, 0.99, default=0.9, when={"optimizer": "sgd"})
        >>> Config()
        Config(optimizer='sgd', learning_rate=0.01, momentum=0.9)
        >>> print(tune.declared(Config)["learning_rate"])
        log_uniform(0.0001, 0.1)
    """
    return _field(Float(low, high, log=True, when=when or {}), default)


def integer(
    low: int,
    high: int,
    *,
    default: int | None = None,
    step: int | None = None,
    log: bool = False,
    when: Conditions | None = None,
) -> Any:
    """Declares a `Config` field with a search range of integers.

    Args:
        low: Lower bound, inclusive.
        high: Upper bound of the range, inclusive.
        default: Value of the field if it is not searched. Defaults to the middle of the range, or to `low` if `step` is
            given.
        step: Difference between consecutive values, or their ratio if `log` is `True`.
        log: If `True`, values are sampled log-uniformly.
        when: Dict that maps the names of other fields to a value or a list of values. This field is searched only if
            each of these fields has one of the given values.

    Raises:
        ValueError: If `low` exceeds `high`, if `low` is not positive with `log`, or if `default` is outside of the
            range.
    """
    return _field(Int(low, high, step, log, when=when or {}), default)


def choice(options: Sequence[Any], *, default: Any = None, when: Conditions | None = None) -> Any:
    """Declares a `Config` field with a list of values to search.

    Args:
        options: Options to choose from: numbers, strings, booleans, or tuples of these.
        default: Value of the field if it is not searched. Defaults to the first option.
        when: Dict that maps the names of other fields to a value or a list of values. This field is searched only if
            each of these fields has one of the given values.

    Raises:
        ValueError: If `options` is empty or contains duplicates, or if `default` is not one of the options.
    """
    return _field(Choice(tuple(options), when=when or {}), default)


def declared(config_class: type[Any]) -> dict[str, Range]:
    """Returns a dict that maps the fields of a dataclass to the search ranges that it declares."""
    found = {field.name: field.metadata.get(KEY) for field in dataclasses.fields(config_class)}
    return {name: known for name, known in found.items() if known is not None}


def check_conditions(space: Mapping[str, Range]) -> None:
    """Raises an error if conditions of a search space are unsatisfiable or circular.

    Raises:
        ArgumentError: If there are invalid conditions. The message lists all of them.
    """
    mistakes = []
    for name, known in space.items():
        for parent in known.when:
            label = f"{name}.when"
            if parent not in space:
                remedy = did_you_mean(parent, space) or f"use one of the searched hyperparameters {', '.join(space)}"
                mistakes.append(
                    str(argument_error(label, parent, "contain only names of searched hyperparameters", remedy))
                )
                continue
            wanted = known.when[parent]
            wanted = wanted if isinstance(wanted, list | tuple) else [wanted]
            missing = [value for value in wanted if value not in space[parent]]
            if missing:
                mistakes.append(str(argument_error(label, missing[0], f"contain only possible values of {parent}")))
    if not mistakes and (rest := set(space) - set(in_order(space))):
        received = Verbatim(f"a cycle of {', '.join(sorted(rest))}")
        mistakes.append(str(argument_error("when", received, "not contain circular conditions")))
    if mistakes:
        raise ArgumentError("\n".join(mistakes))


def in_order(space: Mapping[str, Range]) -> list[str]:
    """Returns hyperparameter names in dependency order. Names with circular conditions are omitted."""
    order: list[str] = []
    while ready := [name for name in space if name not in order and set(space[name].when) <= set(order)]:
        order += ready
    return order


def _field(known: Range, default: Any) -> Any:
    default = known.middle if default is None else default
    check(default in known, "default", default, f"a value from the range {known}")
    return dataclasses.field(default=default, metadata={KEY: known})


def _check_ends(low: float, high: float, log: bool, kinds: tuple[type, ...]) -> None:
    what = "a number" if float in kinds else "an integer"
    for name, value in (("low", low), ("high", high)):
        check(_is_number(value, kinds) and math.isfinite(value), name, value, what)
    check(not log or low > 0, "low", low, f"{what} > 0 on a logarithmic scale")
    check(low <= high, "low", low, f"<= `high` ({high})")


def _is_number(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)
