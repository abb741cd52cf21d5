"""Selection of variables by path."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Variable

Choice = tuple[str, Callable[[Any], bool]]  # description for errors, and predicate for variables


def path_of(variable: Variable) -> str:
    """Return the path of a Keras variable, such as `model/dense_1/kernel`, or the name of a TensorFlow variable."""
    return str(getattr(variable, "path", variable.name))


def matches(variable: Variable, patterns: Sequence[str] | None) -> bool:
    """Return `True` if one of the regular expressions matches the path of the variable."""
    return any(re.search(pattern, path_of(variable)) for pattern in patterns or ())


def ending(variable: Variable, variables: Sequence[Any]) -> str:
    """Return a regular expression that identifies a variable by the last components of its path.

    The beginning of a path is not reliable: a new `Sequential` model contributes its name, a loaded one does not.

    Args:
        variable: Variable that the regular expression should match.
        variables: All variables of the model, which the regular expression must distinguish from `variable`.
    """
    names, paths = path_of(variable).split("/"), [path_of(each).split("/") for each in variables]
    for count in range(2, len(names) + 1):
        if sum(path[-count:] == names[-count:] for path in paths) == 1:
            names = names[-count:]
            break
    return f"(^|/){re.escape('/'.join(names))}$"


def takers(name: str, choices: Sequence[Choice], variables: Sequence[Any]) -> list[int | None]:
    """Return the index of the matching choice for each variable, or `None` for variables without a match.

    Args:
        name: Name of the argument that specifies the choices, for error messages.
        choices: List of `(description, function)` pairs. The function takes a variable and returns `True` if the choice
            matches the variable.
        variables: List of variables to match.

    Raises:
        ValueError: If a choice matches no variable, or two choices match the same one.
    """
    found = [[position for position, (_, takes) in enumerate(choices) if takes(variable)] for variable in variables]
    for position, (shown, _) in enumerate(choices):
        used = any(position in positions for positions in found)
        expected = f"match at least one of the trainable variables {[path_of(variable) for variable in variables]}"
        check(used, name, Verbatim(shown), expected, "frozen layers have no trainable variables")
    for variable, positions in zip(variables, found, strict=True):
        received = Verbatim(" and ".join(choices[position][0] for position in positions))
        check(len(positions) < 2, name, received, f"contain a single entry for {path_of(variable)!r}")
    return [next(iter(positions), None) for positions in found]
