"""Analysis of how a script uses TensorFlow Addons."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import libcst as cst
from libcst.metadata import Access, GlobalScope, ImportAssignment, MetadataWrapper, Scope

from tensorsmith.migrate.addons import MOVES, PACKAGE
from tensorsmith.migrate.calls import moved_call
from tensorsmith.migrate.entry import Missing, RefusedError, Successor
from tensorsmith.migrate.plan import Plan
from tensorsmith.migrate.surveyor import Surveyor, dotted, exported, origin
from tensorsmith.migrate.visible_values import VisibleValues

REGISTERED = re.compile(r"""['"]Addons>(\w+)['"]""")  # registered names in saved models
UNKNOWN = "no component of Addons 0.23"
MEANINGS = "this name has more than one meaning"
ALIAS = "tfa"  # the name that scripts give to the package
BY_LAST_NAME = {name.rpartition(".")[2]: name for name in MOVES}


def survey(wrapper: MetadataWrapper) -> Plan:
    """Return the planned changes to the uses of TensorFlow Addons in a module."""
    return _Survey(wrapper).plan


@dataclass
class _Use:
    """Expression that refers to a component of TensorFlow Addons and can be rewritten."""

    node: cst.CSTNode
    name: str
    successor: Successor
    call: cst.CSTNode | None  # the call, if the expression is called


class _Survey(Surveyor):
    def __init__(self, wrapper: MetadataWrapper):
        super().__init__(wrapper, Plan())
        self._visible = VisibleValues(wrapper.module)
        self._exported = exported(wrapper.module)
        for assignment in self._imports_of(PACKAGE):
            self._decide(assignment)
        elsewhere = [each for each in self._imports() if origin(each).rpartition(".")[2] in (ALIAS, PACKAGE)]
        unknown = [access for access in self._unknown() if dotted(access.node) in (ALIAS, PACKAGE)]
        for access in (*unknown, *(access for each in elsewhere for access in each.references)):
            self._decide_unknown(access)
        for node in self._parents:
            if isinstance(node, cst.ImportFrom) and isinstance(node.names, cst.ImportStar) and _module(node) == PACKAGE:
                self._leave(node, PACKAGE, "the names that * imports are unknown: import each name")
            elif isinstance(node, cst.Call) and _imports_by_name(node):
                self._leave(node, PACKAGE, f"uses are not seen of what is imported so: write `import {PACKAGE} as ...`")
            elif isinstance(node, cst.SimpleString) and REGISTERED.fullmatch(node.value):
                self._decide_string(node)

    def _decide(self, assignment: ImportAssignment) -> None:
        """Plan the changes to an import and to all its uses."""
        statement = assignment.node
        self.plan.imports.append(statement)
        found = [self._use(access) for access in assignment.references]
        uses = [use for use in found if use is not None]
        complete = len(uses) == len(found)
        name, move = _find(origin(assignment))
        component = _component(assignment, used=bool(found))
        if not found and len(self._meanings(assignment.scope, assignment.name)) > 1:
            self._leave(statement, PACKAGE, MEANINGS)
        elif not found and move is not None and not move.plain:
            self._leave(statement, name, _reason(move))
        elif complete and component is not None:
            self.plan.components.add(component)
            self.plan.unused.add((statement, assignment.name))
            self.plan.rewritten |= set() if uses else {statement}
            for use in uses:
                self._rewrite(use)
        else:
            complete &= sum(self._rewrite_in_full(use) for use in uses) == len(uses)
            if complete and assignment.name in self._exported:
                text = f"`__all__` contains {assignment.name}: remove it there, unless other files import it from here"
                self._leave(statement, PACKAGE, text)
                return
            self.plan.unused |= {(statement, assignment.name)} if complete else set()
            self.plan.rewritten |= {statement} if complete and not uses else set()

    def _use(self, access: Access) -> _Use | None:
        """Return the use of TensorFlow Addons at a reference to a name, or plan a comment and return `None`."""
        chain = self._chain(access.node)
        if chain is None:
            self._leave(access.node, PACKAGE, "a name inside of a string")
            return None
        first = dotted(chain[0])
        meanings = self._meanings(access.scope, first)
        ours = min(meanings, key=lambda each: (each.split(".")[0] != PACKAGE, each))
        full = ours + dotted(chain[-1]).removeprefix(first)
        found = ((node, *_find(full.rsplit(".", depth)[0])) for depth, node in enumerate(reversed(chain)))
        node, name, move = next((each for each in found if each[-1] is not None), (chain[-1], full, None))
        if len(meanings) > 1:
            self._leave(node, name, MEANINGS)
        elif move is not None:
            return self._movable(node, name, move)
        else:
            package = f"{full}.".removeprefix(f"{PACKAGE}.")
            known = any(each.startswith(package) for each in MOVES)
            self._leave(node, name, "used as a whole" if known else UNKNOWN)
        return None

    def _decide_unknown(self, access: Access) -> None:
        """Plan a comment above a component of Addons if the name of the package comes from another file."""
        chain = self._chain(access.node) or []
        first = dotted(chain[0]) if chain else ""
        if PACKAGE in {each.split(".")[0] for each in self._meanings(access.scope, first)}:
            return
        for node in chain[:0:-1]:
            name, move = _find(PACKAGE + dotted(node).removeprefix(first))
            if move is not None:
                self._leave(
                    node, name, f"`{first}` is imported elsewhere: import it here, or migrate both files together"
                )
                return

    def _meanings(self, scope: Scope, name: str) -> set[str]:
        """Return the qualified names of a name, except that of an assignment of `None` after a failed import."""
        meanings = {each.name for each in scope.get_qualified_names_for(name)}
        if len(meanings) > 1 and self._only_without_addons(scope[name]):
            meanings.discard(name)
        return meanings

    def _only_without_addons(self, assignments: Iterable[Any]) -> bool:
        """Return `True` if all assignments to a name, except imports, set it to `None` after a failed import."""
        others = [each.node for each in assignments if not isinstance(each, ImportAssignment)]
        return all(self._is_none_after_failure(node) for node in others)

    def _is_none_after_failure(self, node: cst.CSTNode) -> bool:
        while not isinstance(node, cst.Assign | cst.Module):
            node = self._parents[node]
        if not (isinstance(node, cst.Assign) and isinstance(node.value, cst.Name) and node.value.value == "None"):
            return False
        handler = self._parents[self._parents[self._parents[node]]]  # skips the line and the block
        kind = handler.type if isinstance(handler, cst.ExceptHandler) else None
        return isinstance(kind, cst.Name) and kind.value in ("ImportError", "ModuleNotFoundError")

    def _movable(self, node: cst.CSTNode, name: str, move: Successor | Missing) -> _Use | None:
        """Return the use of a name if it can be rewritten, otherwise plan a comment and return `None`."""
        parent = self._parents[node]
        call = parent if isinstance(parent, cst.Call) and parent.func is node else None
        try:
            if isinstance(move, Successor) and isinstance(call, cst.Call):
                self._visible.check(call, move)
                moved_call(call, move)
            elif isinstance(move, Missing) or not move.plain:
                raise RefusedError(_reason(move))
        except RefusedError as refusal:
            self._leave(node, name, str(refusal))
            return None
        return _Use(node, name, move, call)

    def _decide_string(self, node: cst.SimpleString) -> None:
        """Plan to replace a string that contains a registered Addons name, or plan a comment."""
        parent = self._parents[node]
        if isinstance(parent, cst.Index) or (isinstance(parent, cst.DictElement) and parent.key is node):
            return
        registered = node.value[1:-1]
        name = BY_LAST_NAME.get(registered.partition(">")[2], "")
        move = MOVES.get(name, Missing(UNKNOWN))
        function = name.rpartition(".")[2].islower() and isinstance(parent, cst.Arg)
        if function and isinstance(move, Successor) and move.plain:
            self._rewrite_in_full(_Use(node, registered, move, None))
        else:
            self._leave(node, registered, _reason(move))
            # Importing Addons registers these names.
            self.plan.rewritten -= {each for each, _ in self.plan.unused if isinstance(each, cst.Import)}
            self.plan.unused = {each for each in self.plan.unused if not isinstance(each[0], cst.Import)}

    def _rewrite_in_full(self, use: _Use) -> bool:
        """Plan to replace a name by its full new name, or plan a comment if the new name is already in use there."""
        full = use.successor.name
        here = {each.name for each in self._scope(use.node).get_qualified_names_for(full)}
        if here - {full, f"tensorflow.{full}"}:
            self._leave(
                use.node, use.name, f"{full} takes its place, but `{full.split('.')[0]}` is something else here"
            )
            return False
        self.plan.expressions[use.node] = full
        if not self._scope(use.node).globals.get_qualified_names_for(full):
            self.plan.modules.add("keras" if full.startswith("keras.") else full.rpartition(".")[0])
        self._rewrite(use)
        return True

    def _rewrite(self, use: _Use) -> None:
        """Plan the new arguments of a call, and a comment if the replacement requires one."""
        if use.call is not None:
            self.plan.calls[use.call] = use.successor
        self.plan.rewritten.add(use.node)
        if self._is_compared(use.node):
            return
        self._comment(use.node, use.name, use.successor.note)
        moving = use.successor.arguments[use.successor.in_place - 1 :]
        if use.call is None and len(moving) > 1:
            self._comment(use.node, use.name, f"arguments after {moving[0]} stand elsewhere now: give them by name")

    def _is_compared(self, node: cst.CSTNode) -> bool:
        """Return `True` if a class is only compared, or in `isinstance`, so that differences of it do not matter."""
        parent = self._parents[node]
        while isinstance(parent, cst.Element | cst.Tuple | cst.Arg):
            node, parent = parent, self._parents[parent]
        if isinstance(parent, cst.Call) and parent.func is not node:
            return isinstance(parent.func, cst.Name) and parent.func.value in ("isinstance", "issubclass")
        return isinstance(parent, cst.Comparison | cst.ComparisonTarget | cst.Annotation)

    def _leave(self, node: cst.CSTNode, name: str, reason: str) -> None:
        """Add a comment to the plan that explains why a name is not rewritten."""
        self.plan.left.add(node)
        comments = self._comment(node, name, reason)
        move = MOVES.get(name)
        if isinstance(move, Missing) and move.bridge and move.reason == reason:
            self.plan.bridged.append((comments, name, reason))


def _find(full: str) -> tuple[str, Successor | Missing | None]:
    """Return the Addons name of a dotted name and its migration entry, or the dotted name and `None`."""
    first, *inner = full.split(".")[1:] or [""]
    names = [f"{first}.{inner[-1]}"] if inner else []
    return next(((name, MOVES[name]) for name in [*names, first] if name in MOVES), (full, None))


def _component(assignment: ImportAssignment, used: bool) -> tuple[str, str, str] | None:
    """Return the module, name and local name of the new import, or `None` if the local name cannot be kept."""
    name, move = _find(origin(assignment))
    here, imported = assignment.name, isinstance(assignment.node, cst.ImportFrom)
    if not isinstance(move, Successor) or not isinstance(assignment.scope, GlobalScope) or not imported:
        return None
    home, _, there = move.name.rpartition(".")
    fits = here == there or here != name.rpartition(".")[2] if used else move.plain
    return (home, there, here) if fits else None


def _reason(move: Successor | Missing) -> str:
    """Return the reason why a name is not rewritten, for a comment in the script."""
    if isinstance(move, Missing):
        return move.reason
    return f"{move.name} takes its place" + ("" if move.plain else ", with other arguments")


def _imports_by_name(call: cst.Call) -> bool:
    """Return `True` if a call imports TensorFlow Addons with `importlib.import_module` or `__import__`."""
    function = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
    given = call.args[0].value if call.args else None
    if not isinstance(function, cst.Name) or function.value not in ("import_module", "__import__"):
        return False
    return isinstance(given, cst.SimpleString) and str(given.evaluated_value).split(".")[0] == PACKAGE


def _module(node: cst.ImportFrom) -> str:
    """Return the top-level package of a `from` import, or an empty string if the import is relative."""
    return "" if node.relative or node.module is None else dotted(node.module).split(".")[0]
