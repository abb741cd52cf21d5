"""Entries of the migration table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

Given = dict[str, str]  # argument names and their source code


class RefusedError(Exception):
    """Error for a use that cannot be rewritten without changing its behavior, with the reason as message."""


@dataclass(frozen=True)
class Successor:
    """Replacement of a component, with the differences of the arguments."""

    name: str  # qualified name, such as keras.layers.GroupNormalization
    arguments: tuple[str, ...] = ()  # old positional arguments in order, if any argument changes
    in_place: int = 0  # number of leading arguments that keep their position
    renamed: Mapping[str, str] = field(default_factory=dict)  # old name -> new name
    dropped: tuple[str, ...] = ()  # arguments without an effect on results
    refused: Mapping[str, str] = field(default_factory=dict)  # unsupported argument -> alternative
    added: Mapping[str, str] = field(default_factory=dict)  # new name -> default source
    rule: Callable[[Given], Given] | None = None  # further translation, by new names
    result: str = ""  # source of the new expression with {call} and new names, if results differ
    note: str = ""  # note written above the line

    @property
    def plain(self) -> bool:
        """Return `True` if the successor can replace the component where it is not called."""
        return not (self.renamed or self.added or self.rule or self.result)


@dataclass(frozen=True)
class Missing:
    """Component without a successor."""

    reason: str
    plain: ClassVar[bool] = False
