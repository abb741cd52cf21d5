"""Search spaces: what a hyperparameter may be, said where its default is, or in a file.

Recipes import this before anything is trained, so it needs neither TensorFlow nor keras-tuner.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from tensorsmith.core import ArgumentError, Verbatim, argument_error, check, did_you_mean

KEY = "tensorsmith.tuning"  # of a range in the metadata of a dataclass field

Conditions = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Range:
    """What a hyperparameter may be.

    Attributes:
        when: Other hyperparameters to the values, one or several, under which this one is searched. Elsewhere it keeps
            the value of the configuration.
    """

    when: Conditions = dataclasses.field(default_factory=dict, kw_only=True)

    @property
    def probes(self) -> tuple[Any, ...]:
        """Values which, if they fit a field, let all others fit."""
        raise NotImplementedError

    @property
    def middle(self) -> Any:
        """A value to stand for all."""
        raise NotImplementedError

    def __contains__(self, value: Any) -> bool:
        raise NotImplementedError

    def allows(self, name: str, value: Any) -> bool:
        """Whether the condition on another hyperparameter holds for a value of it."""
        wanted = self.when[name]
        return value in wanted if isinstance(wanted, list | tuple) else value == wanted


@dataclasses.dataclass(frozen=True)
class Real(Range):
    """Any number between two, drawn evenly, or evenly in its logarithm."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_ends(self.low, self.high, self.log, (int, float))

    @property
    def probes(self) -> tuple[Any, ...]:
        """Both ends and a number between."""
        return self.low, self.high, self.middle

    @property
    def middle(self) -> float:
        """The middle, of logarithms where these are drawn."""
        return math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2

    def __contains__(self, value: Any) -> bool:
        return _is_number(value, (int, float)) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{'log_uniform' if self.log else 'uniform'}({self.low:g}, {self.high:g})"


@dataclasses.dataclass(frozen=True)
class Whole(Range):
    """A whole number between two, both included, in steps that are added, or multiplied with `log`."""

    low: int
    high: int
    step: int | None = None
    log: bool = False

    def __post_init__(self) -> None:
        _check_ends(self.low, self.high, self.log, (int,))
        least = 2 if self.log else 1
        fits = self.step is None or (_is_number(self.step, (int,)) and self.step >= least)
        check(fits, "step", self.step, f"a whole number of {least} or more, or None")

    @property
    def probes(self) -> tuple[Any, ...]:
        """Both ends."""
        return self.low, self.high

    @property
    def middle(self) -> int:
        """The lowest, if there are steps: the middle need not be one of them."""
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
    """One of several values of any kind that JSON has, tuples included."""

    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        check(len(self.options) >= 1, "options", self.options, "one or more")
        twice = [each for i, each in enumerate(self.options) if each in self.options[:i]]
        check(not twice, "options", self.options, "different ones")

    @property
    def probes(self) -> tuple[Any, ...]:
        """All of them."""
        return self.options

    @property
    def middle(self) -> Any:
        """The first."""
        return self.options[0]

    def __contains__(self, value: Any) -> bool:
        return value in self.options

    def __str__(self) -> str:
        return f"choice({list(self.options)})"


def uniform(low: float, high: float, *, default: float | None = None, when: Conditions | None = None) -> Any:
    """A field of a `Config` that is searched between two numbers, all of them equally likely.

    Args:
        low: The least.
        high: The largest.
        default: The field's value when nothing is searched; the middle if not given.
        when: Other fields to the values, one or several, under which this one is searched.

    Raises:
        ValueError: The ends are not in order, or the default is not between them.
    """
    return _field(Real(low, high, when=when or {}), default)


def log_uniform(low: float, high: float, *, default: float | None = None, when: Conditions | None = None) -> Any:
    """A field of a `Config` that is searched between two numbers above 0, with all orders of magnitude equally likely.

    Args:
        low: The least.
        high: The largest.
        default: The field's value when nothing is searched; the geometric mean of the ends if not given.
        when: Other fields to the values, one or several, under which this one is searched.

    Raises:
        ValueError: The ends are not in order or not above 0, or the default is not between them.

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
    return _field(Real(low, high, log=True, when=when or {}), default)


def integer(
    low: int,
    high: int,
    *,
    default: int | None = None,
    step: int | None = None,
    log: bool = False,
    when: Conditions | None = None,
) -> Any:
    """A field of a `Config` that is searched among the whole numbers between two, both included.

    Args:
        low: The least.
        high: The largest.
        default: The field's value when nothing is searched; one near the middle if not given, the least with steps.
        step: The distance between two of them, or with `log` their ratio.
        log: Whether all orders of magnitude are equally likely.
        when: Other fields to the values, one or several, under which this one is searched.

    Raises:
        ValueError: The ends are not in order, or with `log` not above 0, or the default is not between them.
    """
    return _field(Whole(low, high, step, log, when=when or {}), default)


def choice(options: Sequence[Any], *, default: Any = None, when: Conditions | None = None) -> Any:
    """A field of a `Config` that is searched among some values.

    Args:
        options: The values: numbers, texts, true and false, or tuples of these.
        default: The field's value when nothing is searched; the first if not given.
        when: Other fields to the values, one or several, under which this one is searched.

    Raises:
        ValueError: There is none, one comes twice, or the default is not among them.
    """
    return _field(Choice(tuple(options), when=when or {}), default)


def declared(config_class: type[Any]) -> dict[str, Range]:
    """The ranges that a dataclass declares, by field."""
    found = {field.name: field.metadata.get(KEY) for field in dataclasses.fields(config_class)}
    return {name: known for name, known in found.items() if known is not None}


def check_conditions(space: Mapping[str, Range]) -> None:
    """Refuses conditions that can never hold, or that wait for each other.

    Raises:
        ArgumentError: With every one of them in the message.
    """
    mistakes = []
    for name, known in space.items():
        for parent in known.when:
            label = f"{name}.when"
            if parent not in space:
                remedy = did_you_mean(parent, space) or f"searched are {', '.join(space)}"
                mistakes.append(str(argument_error(label, parent, "a hyperparameter that is searched", remedy)))
                continue
            wanted = known.when[parent]
            wanted = wanted if isinstance(wanted, list | tuple) else [wanted]
            missing = [value for value in wanted if value not in space[parent]]
            if missing:
                mistakes.append(str(argument_error(label, missing[0], f"a value that {parent} may have")))
    if not mistakes and (rest := set(space) - set(in_order(space))):
        received = Verbatim(f"a circle of {', '.join(sorted(rest))}")
        mistakes.append(str(argument_error("when", received, "conditions that do not wait for each other")))
    if mistakes:
        raise ArgumentError("\n".join(mistakes))


def in_order(space: Mapping[str, Range]) -> list[str]:
    """The names, each behind those it depends on; without those that wait for each other."""
    order: list[str] = []
    while ready := [name for name in space if name not in order and set(space[name].when) <= set(order)]:
        order += ready
    return order


def _field(known: Range, default: Any) -> Any:
    default = known.middle if default is None else default
    check(default in known, "default", default, f"a value of {known}")
    return dataclasses.field(default=default, metadata={KEY: known})


def _check_ends(low: float, high: float, log: bool, kinds: tuple[type, ...]) -> None:
    what = "a number" if float in kinds else "a whole number"
    for name, value in (("low", low), ("high", high)):
        check(_is_number(value, kinds) and math.isfinite(value), name, value, what)
    check(not log or low > 0, "low", low, f"{what} above 0, as logarithms are drawn")
    check(low <= high, "low", low, f"{high}, which is `high`, or less")


def _is_number(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)
