"""Base class of analyses that need to know which objects of a script are layers or models of Keras."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import libcst as cst
from libcst.metadata import Assignment

from tensorsmith.migrate.calls import source
from tensorsmith.migrate.keras2 import KINDS
from tensorsmith.migrate.surveyor import Surveyor

ROOTS = {
    "tensorflow.compat.v1.keras": "tf.keras",
    "tensorflow.compat.v2.keras": "tf.keras",
    "tensorflow.keras": "tf.keras",
    "keras": "keras",
}
ALIASES = ("initializers", "losses", "metrics", "optimizers")  # packages of tf that are those of tf.keras
CALLABLE = re.compile(
    r"layers\.|applications\.(\w+\.)?[A-Z]|(models\.)?(Model|Sequential)\b|engine\..*\.(Layer|Model)$"
)
ADDONS = re.compile(r"tensorflow_addons\.(layers|rnn)\.(\w+\.)*[A-Z]")
LAYER_NAME = re.compile(
    rf"layer|dense|conv|norm|(^|_)bn|drop|lstm|gru|rnn|attention|mha|ffn|block|embed|pool|backbone|{KINDS['model']}"
)
DEPTH = 8  # a limit for names that refer to each other


class KerasClasses(Surveyor):
    """Analysis of a module that finds the classes of the objects in it."""

    def _class_of(self, node: cst.CSTNode) -> cst.ClassDef | None:
        """Return the class definition that contains a node."""
        while not isinstance(node, cst.ClassDef | cst.Module):
            node = self._parents[node]
        return node if isinstance(node, cst.ClassDef) else None

    def _is_in_layer(self, node: cst.CSTNode) -> bool:
        """Return `True` if a node is in a class that is derived from a layer or model of Keras."""
        owner = self._class_of(node)
        return owner is not None and self._is_layer_class(owner)

    def _is_layer_class(self, kind: cst.ClassDef | str, depth: int = 0) -> bool:
        """Return `True` if a class of the script, or a qualified name, is a layer or model of Keras."""
        if isinstance(kind, str):
            return bool(CALLABLE.match(relative(kind)[1]) or ADDONS.match(kind))
        return depth < DEPTH and any(self._is_layer_class(base, depth + 1) for base in self._bases(kind))

    def _bases(self, kind: cst.ClassDef) -> Iterator[cst.ClassDef | str]:
        for base in kind.bases:
            yield from self._named_classes(base.value)

    def _named_classes(self, node: cst.BaseExpression) -> Iterator[cst.ClassDef | str]:
        """Yield the classes that an expression names: definitions in the script, or qualified names."""
        if isinstance(node, cst.Name):
            for each in self._scope(node)[node.value]:
                if isinstance(each, Assignment) and isinstance(each.node, cst.ClassDef):
                    yield each.node
        yield from (name for name in self._qualified_names(self._scope(node), node) if self._is_layer_class(name))

    def _call_parameters(self, kind: cst.ClassDef | str, depth: int = 0) -> tuple[str, ...] | None:
        """Return the names of the positional parameters of the method `call`, or `None` if it is not in the script."""
        if isinstance(kind, str) or depth >= DEPTH:
            return None
        for each in kind.body.body:
            if isinstance(each, cst.FunctionDef) and each.name.value == "call":
                return tuple(parameter.name.value for parameter in each.params.params[1:])
        found = (self._call_parameters(base, depth + 1) for base in self._bases(kind))
        return next((names for names in found if names is not None), None)

    def _classes(self, node: Any, depth: int = 0) -> set[cst.ClassDef | str]:
        """Return the classes of an object, or of the elements of a list, as far as they are known."""
        if depth >= DEPTH:
            return set()
        if isinstance(node, cst.Call):
            return set(self._named_classes(node.func))
        if isinstance(node, cst.ListComp):
            return self._classes(node.elt, depth + 1)
        if isinstance(node, cst.List):
            return self._all_classes((each.value for each in node.elements), depth)
        if isinstance(node, cst.Subscript):
            return self._classes(node.value, depth + 1)
        if isinstance(node, cst.Attribute):
            owner = self._class_of(node) if source(node.value) == "self" else None
            owners = [owner] if owner else self._classes(node.value, depth + 1)
            values = (value for each in owners if isinstance(each, cst.ClassDef) for value in self._values(each, node))
            return self._all_classes(values, depth)
        if isinstance(node, cst.Name):
            assignments = self._scope(node)[node.value]
            nodes = (each.node for each in assignments if isinstance(each, Assignment))
            return self._all_classes((value for each in nodes for value in self._assigned(each)), depth)
        return set()

    def _all_classes(self, values: Iterable[Any], depth: int) -> set[cst.ClassDef | str]:
        return {kind for value in values for kind in self._classes(value, depth + 1)}

    def _values(self, owner: cst.ClassDef, attribute: cst.Attribute) -> list[cst.BaseExpression]:
        """Return the values that a class assigns to an attribute, or appends to it."""
        return self._members[owner, f"self.{attribute.attr.value}"]

    @cached_property
    def _members(self) -> dict[tuple[cst.ClassDef, str], list[cst.BaseExpression]]:
        members: dict[tuple[cst.ClassDef, str], list[cst.BaseExpression]] = defaultdict(list)
        for node in self._parents:
            if isinstance(node, cst.Assign):
                names, value = [source(each.target) for each in node.targets], node.value
            elif isinstance(node, cst.Call) and node.args and source(node.func).endswith(".append"):
                names, value = [source(node.func).removesuffix(".append")], node.args[0].value
            else:
                continue
            owner = self._class_of(node)
            if owner is not None:
                for name in names:
                    members[owner, name].append(value)
        return members

    def _assigned(self, target: cst.CSTNode) -> Iterator[cst.BaseExpression]:
        """Yield the value that is assigned to a name, or the list over which the name iterates."""
        parent = self._parents[target]
        if isinstance(parent, cst.For | cst.CompFor):
            yield parent.iter
        elif isinstance(parent, cst.AssignTarget):
            assign = self._parents[parent]
            if isinstance(assign, cst.Assign):
                yield assign.value


def relative(full: str) -> tuple[str, str]:
    """Return the root, `tf.keras` or `keras`, of a qualified name, and the name relative to it."""
    for prefix, root in ROOTS.items():
        if full == prefix or full.startswith(f"{prefix}."):
            return root, full[len(prefix) + 1 :]
    package = full.removeprefix("tensorflow.").split(".")[0]
    return ("tf.keras", full.removeprefix("tensorflow.")) if package in ALIASES else ("", "")
