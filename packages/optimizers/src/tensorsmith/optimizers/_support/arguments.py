"""What the optimizers ask of their arguments."""

import math
import re
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import Hyperparameter


def check_rates(**rates: Hyperparameter) -> None:
    """Checks shares that stay from step to step, such as `beta_1`; tensors and functions are taken as they are."""
    for name, rate in rates.items():
        fits = 0 <= float(rate) < 1 if isinstance(rate, Real) else _is_given_later(rate)
        check(fits, name, rate, "a number in [0, 1)")


def check_decay(weight_decay: Hyperparameter | None) -> None:
    """Checks the decay of the weights, if there is one; tensors, schedules and functions are taken as they are."""
    fits = _is_amount(weight_decay) or weight_decay is None or _is_given_later(weight_decay)
    check(fits, "weight_decay", weight_decay, "a number of 0 or more")


def check_constant_decay(weight_decay: Hyperparameter | None) -> None:
    """Checks the decay of the weights where Keras applies it, which takes neither schedules nor functions."""
    remedy = "for schedules and functions there is extend_with_decoupled_weight_decay"
    check(not callable(weight_decay), "weight_decay", weight_decay, "a number or None", remedy)
    check_decay(weight_decay)


def check_amounts(**amounts: float) -> None:
    """Checks numbers such as `epsilon`."""
    for name, amount in amounts.items():
        check(_is_amount(amount), name, amount, "a number of 0 or more")


def check_shares(**shares: float) -> None:
    """Checks parts of a whole."""
    for name, share in shares.items():
        check(_is_amount(share) and share <= 1, name, share, "a number in [0, 1]")


def check_counts(least: int, **counts: int) -> None:
    """Checks whole numbers, such as a period."""
    for name, count in counts.items():
        fits = isinstance(count, Integral) and not isinstance(count, bool) and int(count) >= least
        check(fits, name, count, f"a whole number of {least} or more")


def check_patterns(**patterns: Sequence[str] | None) -> None:
    """Checks regular expressions for the paths of variables."""
    for name, given in patterns.items():
        fits = given is None or (isinstance(given, list | tuple) and all(isinstance(each, str) for each in given))
        check(fits, name, given, "a list of regular expressions, or None")
        for pattern in given or ():
            remedy = f"re.escape({pattern!r}) if it is meant as it stands"
            check(_compiles(pattern), name, given, "regular expressions", remedy)


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
