"""Settings that recipes share, from which the `Config` of a recipe inherits."""

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Mapping
from typing import Any, Literal

from jsonargparse.typing import NonNegativeInt, PositiveInt


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of all recipes.

    A recipe defines its own settings in a subclass, where the comment on a field is its description. A field that is
    defined again changes the default value, and keeps its description unless it has a comment.

    Attributes:
        seed: Random seed of the initial weights, of the order of the examples, and of dropout and augmentation.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Config(Settings):
        ...     units: int = 30  # units of the hidden layer
        >>> Config(units=100)
        Config(seed=0, units=100)
    """

    seed: NonNegativeInt = 0  # random seed

    def __init_subclass__(cls) -> None:
        """Raise an error if the default value of a field is replaced without an annotation, which has no effect."""
        super().__init_subclass__()
        inherited = {name for base in cls.__mro__[1:] for name in inspect.get_annotations(base)}
        for name in vars(cls).keys() & inherited - inspect.get_annotations(cls).keys():
            raise TypeError(f"The field {name} of {cls.__name__} must have a type annotation, such as {name}: int = 1.")


@dataclasses.dataclass(frozen=True)
class TrainingSettings(Settings):
    """Settings of recipes that train a model on batches.

    Attributes:
        epochs: Number of passes over the training set.
        batch_size: Number of examples per training step.
        jit: If `True`, XLA compiles the training loop. See `tensorsmith.training.Trainer` for "auto" and "measure".

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Config(TrainingSettings):
        ...     epochs: int = 40
        >>> Config()
        Config(seed=0, epochs=40, batch_size=32, jit='auto')
    """

    epochs: PositiveInt = 10  # passes over the training set
    batch_size: PositiveInt = 32  # examples per step
    jit: bool | Literal["auto", "measure"] = "auto"  # XLA for the training loop: true, false, auto or measure


def ordered_fields(config_class: type[Any]) -> list[str]:
    """Return the names of the fields of a dataclass: first those that it defines itself, then those of its bases."""
    known = {field.name for field in dataclasses.fields(config_class)}
    own_first = [name for base in config_class.__mro__ for name in inspect.get_annotations(base)]
    return [name for name in dict.fromkeys(own_first) if name in known]


def field_comments(config_class: type[Any]) -> Mapping[str, str]:
    """Return a mapping from the names of the fields of a dataclass to the comments on the lines that declare them.

    The order is that of `ordered_fields`. The comment on a field without one is that of the base class, or else empty.
    """
    comments: dict[str, str] = {}
    for base in config_class.__mro__:
        if dataclasses.is_dataclass(base):
            for name, comment in _comments_in(base).items():
                comments[name] = comments.get(name) or comment
    return {name: comments.get(name, "") for name in ordered_fields(config_class)}


def _comments_in(config_class: type[Any]) -> dict[str, str]:
    """Return the comments on the fields in the source code of a class."""
    try:
        source = textwrap.dedent(inspect.getsource(config_class))
    except (OSError, TypeError):  # for example, in an interactive session
        return {}
    lines, definition = source.splitlines(), ast.parse(source).body[0]
    assert isinstance(definition, ast.ClassDef)
    return {
        node.target.id: lines[(node.end_lineno or 0) - 1][node.end_col_offset :].strip(" #")
        for node in definition.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
