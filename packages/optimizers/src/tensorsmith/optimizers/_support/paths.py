"""Selection of variables by their paths."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Variable

Choice = tuple[str, Callable[[Any], bool]]  # description for errors, and predicate for variables


def path_of(variable: Variable) -> str:
    """Return the path of a variable, such as `model/dense_1/kernel`, or the name of a TensorFlow variable."""
    return str(getattr(variable, "path", variable.name))


def matches(variable: Variable, patterns: Sequence[str] | None) -> bool:
    """Return whether one of the regular expressions matches the path of a variable."""
    return any(re.search(pattern, path_of(variable)) for pattern in patterns or ())


def ending(variable: Variable, variables: Sequence[Any]) -> str:
    """Return a regular expression for the end of a path, with two names or as many as required to be unique.

    The beginning of a path is not reliable: a new `Sequential` model contributes its name, a loaded one does not.

    Args:
        variable: The variable.
        variables: All variables.
    """
    names, paths = path_of(variable).split("/"), [path_of(each).split("/") for each in variables]
    for count in range(2, len(names) + 1):
        if sum(path[-count:] == names[-count:] for path in paths) == 1:
            names = names[-count:]
            break
    return f"(^|/){re.escape('/'.join(names))}$"


def takers(name: str, choices: Sequence[Choice], variables: Sequence[Any]) -> list[int | None]:
    """Return the index of the choice that matches each variable, or `None` if there is none.

    Args:
        name: Name of the argument with the choices, for error messages.
        choices: List of choices.
        variables: List of variables.

    Raises:
        ValueError: If a choice matches no variable, or two choices match the same one.
    """
    found = [[place for place, (_, takes) in enumerate(choices) if takes(variable)] for variable in variables]
    for place, (shown, _) in enumerate(choices):
        used = any(place in places for places in found)
        expected = (
            f"a match for at least one of the trainable variables {[path_of(variable) for variable in variables]}"
        )
        check(used, name, Verbatim(shown), expected, "frozen layers have no trainable variables")
    for variable, places in zip(variables, found, strict=True):
        received = Verbatim(" and ".join(choices[place][0] for place in places))
        check(len(places) < 2, name, received, f"one entry for {path_of(variable)!r}, which both match")
    return [next(iter(places), None) for places in found]
