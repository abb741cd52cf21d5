"""What the optimizers ask of their arguments."""

import math
from typing import Any

from tensorsmith.core import check


def check_rates(**rates: Any) -> None:
    """Checks shares that stay from step to step, such as `beta_1`; tensors are taken as they are."""
    for name, rate in rates.items():
        check(not isinstance(rate, int | float) or 0 <= rate < 1, name, rate, "a number in [0, 1)")


def check_decay(weight_decay: Any) -> None:
    """Checks the decay of the weights, if there is one; schedules and functions are taken as they are."""
    fits = not isinstance(weight_decay, int | float) or 0 <= weight_decay < math.inf
    check(fits, "weight_decay", weight_decay, "a number of 0 or more")


def check_amounts(**amounts: Any) -> None:
    """Checks numbers such as `epsilon`."""
    for name, amount in amounts.items():
        fits = isinstance(amount, int | float) and 0 <= amount < math.inf
        check(fits, name, amount, "a number of 0 or more")


def check_patterns(**patterns: Any) -> None:
    """Checks regular expressions for the paths of variables."""
    for name, given in patterns.items():
        fits = given is None or (isinstance(given, list | tuple) and all(isinstance(each, str) for each in given))
        check(fits, name, given, "a list of regular expressions, or None")
