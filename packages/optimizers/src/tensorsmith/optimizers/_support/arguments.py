"""Validation of optimizer arguments."""

import math
import re
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import Hyperparameter


def check_rates(**rates: Hyperparameter) -> None:
    """Validate decay rates such as `beta_1`. Tensors and callables are not validated."""
    for name, rate in rates.items():
        fits = 0 <= float(rate) < 1 if isinstance(rate, Real) else _is_given_later(rate)
        check(fits, name, rate, "a number in [0, 1)")


def check_decay(weight_decay: Hyperparameter | None) -> None:
    """Validate an optional weight decay. Tensors, schedules and callables are not validated."""
    fits = _is_amount(weight_decay) or weight_decay is None or _is_given_later(weight_decay)
    check(fits, "weight_decay", weight_decay, "a non-negative number")


def check_constant_decay(weight_decay: Hyperparameter | None) -> None:
    """Validate a weight decay that Keras applies. It must be a number, because Keras supports only constants."""
    remedy = "use `extend_with_decoupled_weight_decay` for schedules and functions"
    check(not callable(weight_decay), "weight_decay", weight_decay, "a number or None", remedy)
    check_decay(weight_decay)


def check_amounts(**amounts: float) -> None:
    """Validate non-negative numbers such as `epsilon`."""
    for name, amount in amounts.items():
        check(_is_amount(amount), name, amount, "a non-negative number")


def check_fractions(**shares: float) -> None:
    """Validate fractions between 0 and 1."""
    for name, share in shares.items():
        check(_is_amount(share) and share <= 1, name, share, "a number in [0, 1]")


def check_counts(least: int, **counts: int) -> None:
    """Validate integer arguments such as a period."""
    for name, count in counts.items():
        fits = isinstance(count, Integral) and not isinstance(count, bool) and int(count) >= least
        check(fits, name, count, f"an integer >= {least}")


def check_patterns(**patterns: Sequence[str] | None) -> None:
    """Validate regular expressions for variable paths."""
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
