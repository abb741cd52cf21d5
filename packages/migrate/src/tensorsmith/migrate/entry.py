"""What the table of moves is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

Given = dict[str, str]  # names of arguments and their source


class RefusedError(Exception):
    """A use that cannot be rewritten without changing what it does; the message says why."""


@dataclass(frozen=True)
class Successor:
    """What takes the place of a component, and how its arguments differ."""

    name: str  # in full, such as keras.layers.GroupNormalization
    arguments: tuple[str, ...] = ()  # the old positional ones in their order, if anything is done to arguments
    in_place: int = 0  # how many of these, from the first on, stand at the same place
    renamed: Mapping[str, str] = field(default_factory=dict)  # old name -> new name
    dropped: tuple[str, ...] = ()  # those that had no effect on results
    refused: Mapping[str, str] = field(default_factory=dict)  # those that the successor lacks -> what to do instead
    added: Mapping[str, str] = field(default_factory=dict)  # new name -> source, where none is given
    rule: Callable[[Given], Given] | None = None  # what else happens to arguments, under their new names
    result: str = ""  # source of what the call becomes, with {call} and new names in it, if results differ
    note: str = ""  # what is left to know, written above the line

    @property
    def plain(self) -> bool:
        """Whether it can also take the component's place where that is not called."""
        return not (self.renamed or self.added or self.rule or self.result)


@dataclass(frozen=True)
class Missing:
    """A component without successor."""

    reason: str
    plain: ClassVar[bool] = False
