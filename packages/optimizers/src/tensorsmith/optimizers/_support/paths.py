"""Variables chosen by their paths."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Variable

Choice = tuple[str, Callable[[Any], bool]]  # how an error shows it, and whether it takes a variable


def path_of(variable: Variable) -> str:
    """The path of a variable, such as `model/dense_1/kernel`; of TensorFlow's own the name."""
    return str(getattr(variable, "path", variable.name))


def matches(variable: Variable, patterns: Sequence[str] | None) -> bool:
    """Whether one of the regular expressions is found in the path of a variable."""
    return any(re.search(pattern, path_of(variable)) for pattern in patterns or ())


def ending(variable: Variable, variables: Sequence[Any]) -> str:
    """The regular expression for the end of a path, of two names or as many as it takes to be found nowhere else.

    What paths begin with is not to be relied on: the name of a `Sequential` is part of them where it was made, and none
    where it is loaded from a file.

    Args:
        variable: The variable.
        variables: All there are.
    """
    names, paths = path_of(variable).split("/"), [path_of(each).split("/") for each in variables]
    for count in range(2, len(names) + 1):
        if sum(path[-count:] == names[-count:] for path in paths) == 1:
            names = names[-count:]
            break
    return f"(^|/){re.escape('/'.join(names))}$"


def takers(name: str, choices: Sequence[Choice], variables: Sequence[Any]) -> list[int | None]:
    """The place of the choice that takes each variable; None where none does.

    Args:
        name: The argument they were given for, for errors.
        choices: What to choose from.
        variables: The variables.

    Raises:
        ValueError: A choice takes no variable, or two take the same one.
    """
    found = [[place for place, (_, takes) in enumerate(choices) if takes(variable)] for variable in variables]
    for place, (shown, _) in enumerate(choices):
        used = any(place in places for places in found)
        expected = f"what takes one of the trainable variables {[path_of(variable) for variable in variables]}"
        check(used, name, Verbatim(shown), expected, "layers that are frozen have none")
    for variable, places in zip(variables, found, strict=True):
        received = Verbatim(" and ".join(choices[place][0] for place in places))
        check(len(places) < 2, name, received, f"one of them for {path_of(variable)!r}, which both take")
    return [next(iter(places), None) for places in found]
