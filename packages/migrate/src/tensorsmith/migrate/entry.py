"""Entries of the migration table, for components with and without a replacement."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

Given = dict[str, str]  # argument names and their source code
UNMOVED = 100  # number of leading arguments that keep their position, if all do


class RefusedError(Exception):
    """Error raised if a use of TensorFlow Addons cannot be rewritten without changing its behavior."""


@dataclass(frozen=True)
class Successor:
    """Migration entry of a component with a replacement API, including the changes to its arguments."""

    name: str  # qualified name, such as keras.layers.GroupNormalization
    arguments: tuple[str, ...] = ()  # old positional arguments in order, if any argument changes
    in_place: int = 0  # number of leading arguments that keep their position
    renamed: Mapping[str, str] = field(default_factory=dict)  # old name -> new name
    dropped: tuple[str, ...] = ()  # arguments without an effect on results
    refused: Mapping[str, str] = field(default_factory=dict)  # unsupported argument -> alternative
    added: Mapping[str, str] = field(default_factory=dict)  # new name -> default source
    rule: Callable[[Given], Given] | None = None  # further translation, by new names
    check: Callable[[Given], None] | None = None  # raises an error for values that are not supported
    result: str = ""  # source of the new expression with {call} and new names, if results differ
    note: str = ""  # note written above the line

    @property
    def changes_calls(self) -> bool:
        """Return `True` if the arguments of a call may change."""
        changes = (self.arguments, self.renamed, self.dropped, self.refused, self.added, self.rule, self.result)
        return any(changes)

    @property
    def plain(self) -> bool:
        """Return `True` if the replacement can be used where the component is referenced but not called.

        Other names for an argument, such as `lr` for `learning_rate`, do not prevent this.
        """
        return not (self.renamed.keys() & set(self.arguments) or self.added or self.rule or self.result)


@dataclass(frozen=True)
class Missing:
    """Migration entry of a component without a replacement API."""

    reason: str
    bridge: bool = False  # tensorsmith.addons runs the old code
    plain: ClassVar[bool] = False
