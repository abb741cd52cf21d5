"""Base class of the analyses of a script: names, scopes and comments."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import (
    Access,
    Assignment,
    ImportAssignment,
    MetadataWrapper,
    ParentNodeProvider,
    Scope,
    ScopeProvider,
)

from tensorsmith.migrate.parsing import nodes_of
from tensorsmith.migrate.plan import Plan


class Surveyor:
    """Analysis of a module that adds to the plan of its changes.

    Args:
        wrapper: Module with metadata.
        plan: Planned changes.
    """

    def __init__(self, wrapper: MetadataWrapper, plan: Plan):
        self.plan = plan
        wrapper.resolve_many([ParentNodeProvider, ScopeProvider])  # visits the tree for both at the same time
        self._parents: Mapping[cst.CSTNode, cst.CSTNode] = wrapper.resolve(ParentNodeProvider)
        self._scopes: Mapping[cst.CSTNode, Scope | None] = wrapper.resolve(ScopeProvider)

    def _imports_of(self, *packages: str) -> Iterator[ImportAssignment]:
        """Yield the imports that bind names from the given packages."""
        yield from (each for each in self._imports() if origin(each).split(".")[0] in packages)

    def _imports(self) -> Iterator[ImportAssignment]:
        """Yield the imports that bind names."""
        for scope in self._all_scopes():
            yield from (each for each in scope.assignments if isinstance(each, ImportAssignment))

    def _unknown(self) -> Iterator[Access]:
        """Yield the references to names that the script does not define, except builtins."""
        for scope in self._all_scopes():
            for access in scope.accesses:
                if isinstance(access.node, cst.Name) and not access.referents and not scope[access.node.value]:
                    yield access

    def _all_scopes(self) -> set[Scope]:
        return {scope for scope in self._scopes.values() if scope is not None}

    def _comment(self, node: cst.CSTNode, name: str, text: str) -> dict[str, set[str]]:
        """Add a comment above the statement that contains a node, and return the comments of this statement."""
        while isinstance(node, cst.Decorator) or not hasattr(node, "leading_lines"):
            node = self._parents[node]
        comments = self.plan.comments[node]
        comments.setdefault(name, set()).update([text] if text else [])
        return comments

    def _scope(self, node: cst.CSTNode) -> Scope:
        scope = self._scopes.get(node)
        return self._scope(self._parents[node]) if scope is None else scope

    def _qualified_names(self, scope: Scope, node: cst.CSTNode | str) -> set[str]:
        """Return the qualified names of an expression. Aliases such as `K = tf.keras.backend` are resolved."""
        name = node if isinstance(node, str) else get_full_name_for_node(node)
        if name is None:
            return set()
        first, dot, rest = name.partition(".")
        assignments = scope[first]
        aliases = {f"{self._aliases[each]}{dot}{rest}" for each in assignments if each in self._aliases}
        if aliases and len(assignments) == 1:
            return aliases
        return aliases | {each.name for each in scope.get_qualified_names_for(name)}

    @cached_property
    def _aliases(self) -> dict[Any, str]:
        """Dict of the assignments such as `K = tf.keras.backend`, which give names of TensorFlow and Keras other names.

        The dict is filled while it is read, so that an alias can refer to another alias.
        """
        found: dict[Any, str] = {}
        self.__dict__["_aliases"] = found
        candidates = [
            (each, value)
            for scope in self._all_scopes()
            for each in scope.assignments
            if isinstance(each, Assignment) and (value := self._only_value(each)) is not None
        ]
        before = -1
        while before < len(found):
            before = len(found)
            for assignment, value in candidates:
                names = self._qualified_names(assignment.scope, dotted(value))
                full = names.pop() if len(names) == 1 else ""
                if full.split(".")[0] in ("tensorflow", "keras") and full != assignment.name:
                    found[assignment] = full
        return found

    def _only_value(self, assignment: Assignment) -> Any:
        """Return the dotted name that is assigned to a name, if nothing else is, or `None`."""
        target = self._parents.get(assignment.node)
        assign = self._parents[target] if isinstance(target, cst.AssignTarget) else None
        if not isinstance(assign, cst.Assign) or self._chain(assign.value) is None:
            return None
        others = [each for each in assignment.scope.assignments if each.name == assignment.name]
        return assign.value if len(others) == 1 else None

    def _chain(self, node: Any) -> list[Any] | None:
        """Return the nodes of a dotted name such as `a.b.c`, from `a` to `a.b.c`, or `None` for other expressions."""
        while isinstance(node, cst.Attribute):
            node = node.value
        if not isinstance(node, cst.Name):
            return None
        chain: list[Any] = [node]
        parent: Any = self._parents[node]
        while isinstance(parent, cst.Attribute) and parent.value is chain[-1]:
            chain.append(parent)
            parent = self._parents[parent]
        return chain


def origin(assignment: ImportAssignment) -> str:
    """Return the qualified name of an imported object."""
    return next(iter(assignment.get_qualified_names_for(assignment.name))).name


def dotted(node: Any) -> str:
    """Return a dotted name such as `a.b.c` as a string."""
    return f"{dotted(node.value)}.{node.attr.value}" if isinstance(node, cst.Attribute) else node.value


def exported(module: cst.Module) -> set[str]:
    """Return the names in `__all__`."""
    found = set()
    for node in nodes_of(module):
        if not isinstance(node, cst.Assign | cst.AnnAssign | cst.AugAssign):
            continue
        targets = [each.target for each in node.targets] if isinstance(node, cst.Assign) else [node.target]
        if any(isinstance(target, cst.Name) and target.value == "__all__" for target in targets):
            found |= {str(each.evaluated_value) for each in nodes_of(node) if isinstance(each, cst.SimpleString)}
    return found
