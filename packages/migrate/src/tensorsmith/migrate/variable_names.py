"""Analysis of how a script uses the names of variables.

The name of a variable is `"dense/kernel:0"` in Keras 2 and `"kernel"` in Keras 3, so that comparisons give other
results without an error.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import libcst as cst
from libcst.metadata import Assignment, MetadataWrapper

from tensorsmith.migrate.calls import source
from tensorsmith.migrate.keras2 import VARIABLE_NAME, VARIABLES, WEIGHTS
from tensorsmith.migrate.keras_classes import KerasClasses
from tensorsmith.migrate.plan import Plan

ITERATORS = ("enumerate", "filter", "list", "map", "reversed", "sorted", "tuple", "zip")
MATCHES = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub")  # of re, or of a compiled pattern
SAME = ("casefold", "lower", "upper")  # methods of strings whose results are names as well

MOST_OPEN = 100  # a limit for names that refer to each other


def survey_variable_names(wrapper: MetadataWrapper, plan: Plan) -> None:
    """Add comments on comparisons of the names of variables to the plan."""
    _NameSurvey(wrapper, plan).run()


class _NameSurvey(KerasClasses):
    def run(self) -> None:
        """Add all comments to the plan."""
        self._created = {name for node in self._parents for name in _created(node)}
        self._names: dict[Any, bool] = {}  # decisions on expressions
        self._lists: dict[Any, bool] = {}
        self._open: list[Any] = []  # expressions that are being decided
        for node in self._parents:
            if self._depends_on_name(node):
                self.plan.rejected.add(node)
                self._comment(node, "name", VARIABLE_NAME)

    def _depends_on_name(self, node: Any) -> bool:
        """Return `True` if the value of an expression may differ because of the name of a variable."""
        if isinstance(node, cst.Comparison):
            first, operator = node.left, node.comparisons[0].operator
            second = node.comparisons[0].comparator
            if isinstance(operator, cst.In | cst.NotIn) and self._is_name(second):
                return not self._is_of_weight(first)
            return not isinstance(operator, cst.Is | cst.IsNot) and (self._is_name(first) or self._is_name(second))
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
            method, values = node.func.attr.value, [arg.value for arg in node.args]
            if method in MATCHES and any(self._is_name(value) for value in values):
                return not self._is_of_weight(values[0])
            return method not in SAME and self._is_name(node.func.value)
        if isinstance(node, cst.DictComp | cst.DictElement):
            return self._is_name(node.key)
        return isinstance(node, cst.Index) and self._is_name(node.value)

    def _is_name(self, node: Any) -> bool:
        """Return `True` if an expression is the name of a variable."""
        return self._decided(node, self._names, self._find_name)

    def _find_name(self, node: Any) -> bool:
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in SAME:
            return self._is_name(node.func.value)
        if isinstance(node, cst.Attribute):
            return node.attr.value == "name" and self._is_variable(node.value)
        return self._all_values(node, self._is_name)

    def _decided(self, node: Any, decisions: dict[Any, bool], decide: Callable[[Any], bool]) -> bool:
        """Return the decision on an expression, which is made once."""
        if node not in decisions:
            if len(self._open) >= MOST_OPEN:
                return False
            self._open.append(node)
            decisions[node] = decide(node)
            self._open.pop()
        return decisions[node]

    def _all_values(self, node: Any, decide: Callable[[Any], bool]) -> bool:
        """Return `True` if a decision is positive for all values of a name, except those that are being decided."""
        values = [value for each in self._targets(node) for value in self._assigned(each) if value not in self._open]
        return bool(values) and all(map(decide, values))

    def _is_variable(self, node: Any) -> bool:
        """Return `True` if an expression is an element of the variables of a layer, model or optimizer."""
        if isinstance(node, cst.Subscript):
            is_element = all(isinstance(each.slice, cst.Index) for each in node.slice)
            return is_element and self._has_variables(node.value)
        iterated = [self._iterated(each) for each in self._targets(node)]
        return bool(iterated) and all(each is not None and self._has_variables(each) for each in iterated)

    def _iterated(self, target: cst.CSTNode) -> Any:
        """Return the expression over which a name iterates, or `None`."""
        loop, position = self._loop(target)
        if loop is not None:
            every = loop.iter
            is_zip = isinstance(every, cst.Call) and source(every.func) == "zip"
            return every.args[position].value if is_zip and position in range(len(every.args)) else every
        function = self._parents.get(self._parents[target])
        call = self._parents[self._parents[function]] if isinstance(function, cst.Lambda) else None
        if isinstance(call, cst.Call):  # `filter(lambda variable: ..., variables)`
            others = [arg.value for arg in call.args if not isinstance(arg.value, cst.Lambda)]
            return others[0] if others and source(call.func) in ITERATORS else None
        return None

    def _loop(self, target: cst.CSTNode) -> tuple[Any, int | None]:
        """Return the loop with a target and its position among several targets, or `None`."""
        position, parent = None, self._parents[target]
        if isinstance(parent, cst.Element):  # `for gradient, variable in zip(...)`
            targets: Any = self._parents[parent]
            position, parent = targets.elements.index(parent), self._parents[targets]
        return (parent if isinstance(parent, cst.For | cst.CompFor) else None), position

    def _has_variables(self, node: Any) -> bool:
        """Return `True` if an expression is a list of variables, or contains one."""
        return self._decided(node, self._lists, self._find_variables)

    def _find_variables(self, node: Any) -> bool:
        if isinstance(node, cst.Attribute):
            return node.attr.value in VARIABLES and not self._is_of_other_class(node)
        if isinstance(node, cst.BinaryOperation):
            return self._has_variables(node.left) or self._has_variables(node.right)
        if isinstance(node, cst.ListComp | cst.GeneratorExp):
            return self._is_variable(node.elt)
        if isinstance(node, cst.Call):
            values = [arg.value for arg in node.args] if source(node.func) in ITERATORS else []
            values += [] if node.args else [node.func]  # `optimizer.variables()`
            return any(map(self._has_variables, values))
        if isinstance(node, cst.Subscript):
            return self._has_variables(node.value)
        return self._all_values(node, self._has_variables)

    def _is_of_other_class(self, node: cst.Attribute) -> bool:
        """Return `True` if the object of an attribute is neither a layer nor a model, as far as its class is known."""
        if source(node.value) == "self":
            return self._class_of(node) is not None and not self._is_in_layer(node)
        kinds = {kind for kind in self._classes(node.value) if isinstance(kind, cst.ClassDef)}
        return any(not self._is_layer_class(kind) for kind in kinds)

    def _is_of_weight(self, node: Any) -> bool:
        """Return `True` if a string occurs only in the last part of names, which is the same in both versions."""
        strings = [node]
        for target in self._targets(node):
            strings = [each for value in self._assigned(target) for each in _elements(value)]
        texts = [each.evaluated_value if isinstance(each, cst.SimpleString) else "" for each in strings]
        return all(text in self._created or re.fullmatch(WEIGHTS, str(text).lower()) for text in texts)

    def _targets(self, node: Any) -> list[cst.CSTNode]:
        """Return the nodes at which a name gets its values: the loop around it, or all assignments."""
        assignments = self._scope(node)[node.value] if isinstance(node, cst.Name) else ()
        targets = [each.node for each in assignments if isinstance(each, Assignment)]
        loops = {self._loop(each)[0]: each for each in targets}
        return next(([loops[each]] for each in self._around(node) if each in loops), targets)

    def _around(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """Yield the nodes that contain a node, from the inside."""
        while node in self._parents:
            node = self._parents[node]
            yield node


def _elements(node: Any) -> list[Any]:
    return [each.value for each in node.elements] if isinstance(node, cst.List | cst.Tuple | cst.Set) else [node]


def _created(node: cst.CSTNode) -> Iterator[Any]:
    """Yield the name of a weight that is created in the script."""
    if isinstance(node, cst.Call) and source(node.func).rpartition(".")[2] in ("Variable", "add_weight"):
        for position, arg in enumerate(node.args):
            is_name = arg.keyword.value == "name" if arg.keyword else position == 0
            if is_name and isinstance(arg.value, cst.SimpleString):
                yield arg.value.evaluated_value
