"""Validation of optimizer arguments."""

import math
import re
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import Hyperparameter


def check_rates(**rates: Hyperparameter) -> None:
    """Raise an error unless decay rates such as `beta_1` are in [0, 1). Tensors and variables are accepted."""
    for name, rate in rates.items():
        fits = 0 <= float(rate) < 1 if isinstance(rate, Real) else tf.is_tensor(rate)
        remedy = f"pass a `keras.Variable` to change `{name}` during training" if callable(rate) else ""
        check(fits, name, rate, "a number in [0, 1)", remedy)


def check_decay(weight_decay: Hyperparameter | None) -> None:
    """Raise an error unless a weight decay is `None`, a non-negative number, a tensor, a schedule or a callable."""
    fits = _is_amount(weight_decay) or weight_decay is None or _is_given_later(weight_decay)
    check(fits, "weight_decay", weight_decay, "a non-negative number")


def check_constant_decay(weight_decay: Hyperparameter | None) -> None:
    """Raise an error unless a weight decay is valid and not a schedule or callable, which Keras does not support."""
    remedy = "use `extend_with_decoupled_weight_decay` for schedules and functions"
    check(not callable(weight_decay), "weight_decay", weight_decay, "a number or None", remedy)
    check_decay(weight_decay)


def check_no_decay(arguments: Mapping[str, Any]) -> None:
    """Raise an error if arguments contain the `decay` of Keras 2, which Keras 3 ignores."""
    remedy = "pass `keras.optimizers.schedules.InverseTimeDecay(rate, 1, decay)` as `learning_rate`"
    check("decay" not in arguments, "decay", arguments.get("decay"), "omitted", remedy)


def check_amounts(**amounts: float) -> None:
    """Raise an error unless all arguments are non-negative numbers."""
    for name, amount in amounts.items():
        check(_is_amount(amount), name, amount, "a non-negative number")


def check_fractions(**shares: float) -> None:
    """Raise an error unless all arguments are numbers between 0 and 1."""
    for name, share in shares.items():
        check(_is_amount(share) and share <= 1, name, share, "a number in [0, 1]")


def check_counts(least: int, **counts: int) -> None:
    """Raise an error unless all arguments are integers greater than or equal to `least`."""
    for name, count in counts.items():
        fits = isinstance(count, Integral) and not isinstance(count, bool) and int(count) >= least
        check(fits, name, count, f"an integer >= {least}")


def check_patterns(**patterns: Sequence[str] | None) -> None:
    """Raise an error unless all arguments are `None` or lists of valid regular expressions."""
    for name, given in patterns.items():
        fits = given is None or (isinstance(given, list | tuple) and all(isinstance(each, str) for each in given))
        check(fits, name, given, "a list of regular expressions, or None")
        for pattern in given or ():
            remedy = f"use `re.escape({pattern!r})` to match the text literally"
            check(_compiles(pattern), name, given, "contain only valid regular expressions", remedy)


def _is_amount(given: Any) -> bool:
    return isinstance(given, Real) and 0 <= float(given) < math.inf


def _is_given_later(given: Any) -> bool:
    return tf.is_tensor(given) or callable(given)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
