"""Analysis of how a script uses names and arguments of Keras 2 that Keras 3 rejects."""

import dataclasses
import re
from typing import Any

import libcst as cst
from libcst.metadata import Assignment, GlobalScope, ImportAssignment, MetadataWrapper

from tensorsmith.migrate import keras2_rules as rules
from tensorsmith.migrate.addons import PACKAGE
from tensorsmith.migrate.calls import moved_call, named, source
from tensorsmith.migrate.entry import UNMOVED, Missing, RefusedError, Successor
from tensorsmith.migrate.input_shapes import INTEGER, TUPLE, kind_of_shape
from tensorsmith.migrate.keras2 import ANY_LAYER, KERAS2, KINDS, NONE
from tensorsmith.migrate.keras_classes import LAYER_NAME, KerasClasses, relative
from tensorsmith.migrate.plan import Plan
from tensorsmith.migrate.surveyor import dotted, exported, origin
from tensorsmith.migrate.visible_values import VisibleValues

VARIABLE = Successor(
    "Variable",
    arguments=("initial_value", "trainable"),
    in_place=1,
    renamed={"initial_value": "initializer"},
    dropped=("validate_shape", "caching_device"),
    refused=dict.fromkeys(("constraint", "shape", "variable_def"), "create the variable with self.add_weight"),
    rule=rules.value_not_function,
)
OLD_MODULES = re.compile(  # private modules of Keras 2 that scripts import from
    r"(?P<package>layers(?=\.(advanced_activations|convolutional|convolutional_recurrent|core|embeddings|local|merge"
    r"|noise|normalization|pooling|recurrent|wrappers)\b)|utils(?=\.(data|generic|layer|np|vis)_utils\b))"
    r"\.[a-z]\w*(?:\.(?:[a-z]\w*\.)*(?P<name>\w+))?$"
)
OLD_OPTIMIZERS = re.compile(r"optimizers\.[a-z]\w*_v[12]\b")
OLD_OPTIMIZER = re.compile(r"tensorflow\.(compat\.v1\.)?train\.\w*Optimizer$")
OLD_METHODS = {  # methods of optimizers of Keras 2 that Keras 3 does not call
    "_create_slots": "Keras 3 does not call it: create variables in build, with add_variable_from_reference",
    **dict.fromkeys(
        ("_resource_apply_dense", "_resource_apply_sparse"),
        "Keras 3 does not call it: override update_step(gradient, variable, learning_rate)",
    ),
}
TENSORFLOW_1 = re.compile(r"tensorflow\.compat\.v1\.(layers|nn\.rnn_cell)\.\w")
TENSORFLOW_1_REASON = "TensorFlow does not have it with Keras 3: use the layers of tf.keras"
INPUTS = ("Input", "layers.Input", "layers.InputLayer")
FLAGS = ("training", "is_training", "True", "False")


def survey_keras2(wrapper: MetadataWrapper, plan: Plan) -> None:
    """Add the changes to uses of Keras 2 to the plan."""
    _Keras2Survey(wrapper, plan).run()


class _Keras2Survey(KerasClasses):
    def __init__(self, wrapper: MetadataWrapper, plan: Plan):
        super().__init__(wrapper, plan)
        self._visible = VisibleValues(wrapper.module)
        self._exported = exported(wrapper.module)
        functions = [node for node in self._parents if isinstance(node, cst.FunctionDef)]
        self._old_resets = [
            node for node in functions if node.name.value == "reset_states" and self._is_in_metric(node)
        ]
        self._defined = {  # methods of the script
            node.name.value for node in functions if node not in self._old_resets and self._is_method(node)
        }

    def run(self) -> None:
        """Add all changes to the plan."""
        for assignment in self._imports_of("tensorflow", "keras"):
            self._decide(assignment)
        for alias, full in self._aliases.items():
            self._decide_alias(alias, full)
        for node in self._parents:
            if isinstance(node, cst.Attribute):
                self._decide_member(node)
            elif isinstance(node, cst.Subscript):
                self._decide_log(
                    node.value, [each.slice.value for each in node.slice if isinstance(each.slice, cst.Index)]
                )
            elif isinstance(node, cst.Call):
                if isinstance(node.func, cst.Attribute) and node.func.attr.value == "get":
                    self._decide_log(node.func.value, [each.value for each in node.args[:1]])
                self._decide_variables(node)
                self._decide_optimizer(node)
                self._decide_training(node)
                self._decide_variable(node)
                self._decide_state(node)
            elif isinstance(node, cst.ImportFrom):
                self._decide_import(node)
        for function in (node for node in self._parents if isinstance(node, cst.FunctionDef)):
            self._decide_call_method(function)
            if function.name.value in OLD_METHODS and self._is_method(function):
                self._reject(function, function.name.value, OLD_METHODS[function.name.value])
        for function in self._old_resets:
            self.plan.attributes[function] = "reset_state"
            self.plan.rewritten.add(function)

    def _decide(self, assignment: ImportAssignment) -> None:
        """Plan the changes to the uses of an imported name, and to the import if its module is gone."""
        statement, (root, name) = assignment.node, relative(origin(assignment))
        row = None
        if isinstance(statement, cst.ImportFrom):
            row = _row(root, name) or _gone_package(root, name)
        if isinstance(row, Missing):
            self._reject(statement, f"keras.{name}", row.reason)
            return
        imported = isinstance(row, Successor) and row.name != name
        if row is not None and imported:
            if not isinstance(assignment.scope, GlobalScope):
                self._reject(statement, f"keras.{name}", f"keras.{row.name} takes its place: import it at the top")
                return
            home, _, there = row.name.rpartition(".")
            module = "tensorflow.keras" if root == "tf.keras" else "keras"
            self.plan.components.add((f"{module}.{home}", there, assignment.name))
            self._replace_import(assignment)
        rewritten = [self._use(access.node, access.scope, imported) for access in assignment.references]
        is_from = isinstance(statement, cst.ImportFrom) and assignment.name not in self._exported
        if (rewritten or is_from) and all(rewritten) and not imported and _is_gone(root, name):
            self._replace_import(assignment)

    def _decide_alias(self, alias: Any, full: str) -> None:
        """Plan the changes to the uses of an alias such as `K = tf.keras.backend`."""
        root, name = relative(full)
        row = _row(root, name)
        if isinstance(row, Missing):
            return  # the assignment has a comment
        for access in alias.references:
            self._use(access.node, access.scope, imported=row is not None)
        if row is None and _is_gone(root, name):
            self._reject(alias.node, f"keras.{name}", f"{NONE}: remove this name after its last use")

    def _replace_import(self, assignment: ImportAssignment) -> None:
        self.plan.imports.append(assignment.node)
        self.plan.unused.add((assignment.node, assignment.name))
        self.plan.rewritten.add(assignment.node)

    def _use(self, node: cst.CSTNode, scope: Any, imported: bool) -> bool:
        """Plan the changes to a use of an imported name. Return `True` if it no longer depends on the import."""
        chain = self._chain(node)
        if chain is None:
            return False
        first = dotted(chain[0])
        meanings = self._qualified_names(scope, first)
        if len(meanings) != 1:
            return False  # for example, `keras` from TensorFlow or else by itself: both are Keras
        (meaning,) = meanings
        full = meaning + dotted(chain[-1]).removeprefix(first)
        if TENSORFLOW_1.match(full):
            self._reject(node, dotted(chain[-1]), TENSORFLOW_1_REASON)
            return False
        for depth, part in enumerate(reversed(chain)):
            root, name = relative(full.rsplit(".", depth)[0])
            row = _row(root, name)
            if row is not None:
                return self._apply(part, root, name, row, relative(meaning)[1], imported)
        return False

    def _apply(self, node: Any, root: str, name: str, row: Successor | Missing, bound: str, imported: bool) -> bool:
        """Plan the change to a name of Keras. `bound` is the relative name that the first part of it is bound to."""
        label = f"keras.{name}"
        if isinstance(row, Successor) and row.name not in ("", name) and not row.name.startswith('"'):
            there = _row(root, row.name)
            if isinstance(there, Missing) or (there is not None and not row.changes_calls):
                row = there
        if isinstance(row, Missing):
            self._reject(node, label, row.reason)
            return False
        parent = self._parents[node]
        call = parent if isinstance(parent, cst.Call) and parent.func is node else None
        if (call is None and (row.result or row.added)) or (
            call is not None and not self._rewrite_call(call, label, row)
        ):
            if call is None:
                self._reject(node, label, "its successor has other arguments")
            return False
        if call is not None and name.startswith("layers."):
            self._check_layer_name(call, label)
        if call is not None and row.name in INPUTS:
            self._decide_input_shape(call, label)
        if row.name in ("", name) or imported:
            return False
        return self._rename(node, label, row.name, bound)

    def _rename(self, node: Any, label: str, new: str, bound: str) -> bool:
        """Plan the new name of a component of Keras."""
        text = dotted(node)
        first = text.split(".")[0]
        if new.startswith('"'):
            self.plan.expressions[node] = new
        elif not bound:  # the package itself, perhaps as an attribute of tf
            before = "keras" if ".keras." in f"{text}." else ""
            prefix = first if not before or first == before else text[: text.index(".keras.") + len(".keras")]
            self.plan.expressions[node] = f"{prefix}.{new}"
        elif new.startswith(f"{bound}."):
            self.plan.expressions[node] = first + new.removeprefix(bound)
        else:
            full = f"keras.{new}"
            if {each.name for each in self._scope(node).get_qualified_names_for(full)} - {full, f"tensorflow.{full}"}:
                self._reject(node, label, f"{full} takes its place, but `keras` is something else here")
                return False
            self.plan.expressions[node] = full
            if not self._scope(node).globals.get_qualified_names_for(full):
                self.plan.modules.add("keras")
        self.plan.rewritten.add(node)
        return True

    def _rewrite_call(self, call: cst.Call, label: str, row: Successor) -> bool:
        """Plan the new arguments of a call, or a comment if Keras 3 rejects them."""
        try:
            self._visible.check(call, row)
            moved = moved_call(call, row)
        except RefusedError as refusal:
            self._reject(call, label, str(refusal))
            return False
        if source(moved) != source(call):
            self.plan.calls[call] = row
            self.plan.rewritten.add(call)
        return True

    def _check_layer_name(self, call: cst.Call, label: str) -> None:
        for arg in call.args:
            if arg.keyword and arg.keyword.value == "name" and "/" in self._visible.resolved(arg.value):
                self._reject(call, label, "the name of a layer must not contain a slash")

    def _decide_input_shape(self, call: cst.Call, label: str) -> None:
        """Plan to write the integer shape of an input as a tuple, or a comment if it may be an integer."""
        for position, arg in enumerate(call.args):
            if arg.star or (arg.keyword.value not in ("shape", "input_shape") if arg.keyword else position > 0):
                continue
            kind = kind_of_shape(arg.value, self._values_of)
            if kind == INTEGER:
                bare = arg.value.with_changes(lpar=[], rpar=[])
                self.plan.expressions[arg.value] = f"({source(bare)},)"
                self.plan.rewritten.add(arg.value)
            elif kind != TUPLE:
                self._reject(call, label, "the shape has to be a tuple: write (n,) instead of an integer n")

    def _values_of(self, name: cst.Name) -> list[Any]:
        """Return the values that are assigned to a name, `None` for unknown ones."""
        nodes = [each.node if isinstance(each, Assignment) else None for each in self._scope(name)[name.value]]
        targets = [self._parents.get(node) if node is not None else None for node in nodes]
        assigns = [self._parents[target] if isinstance(target, cst.AssignTarget) else None for target in targets]
        return [assign.value if isinstance(assign, cst.Assign) else None for assign in assigns]

    def _decide_member(self, node: cst.Attribute) -> None:
        """Plan the change to a member of a model, layer, metric or optimizer."""
        attribute = node.attr.value
        for kind, pattern in KINDS.items():
            row = KERAS2.get(f"<{kind}>.{attribute}")
            if row is None:
                continue
            is_model = kind == "model" and bool(self._classes_called(node.value))
            if not (is_model or re.search(pattern, _last_name(node.value))):
                continue
            if kind == "self" and not self._is_in_layer(node):
                continue
            if attribute in self._defined or self._is_import(node.value):
                return
            if kind == "optimizer" and self._is_old_optimizer(node.value):
                return
            self._decide_member_as(node, row)
            return

    def _decide_member_as(self, node: cst.Attribute, row: Successor | Missing) -> None:
        attribute, parent = node.attr.value, self._parents[node]
        call = parent if isinstance(parent, cst.Call) and parent.func is node else None
        if isinstance(row, Missing):
            self._reject(node, attribute, row.reason)
        elif (call is None or self._rewrite_call(call, attribute, row)) and row.name != f".{attribute}":
            self.plan.attributes[node] = row.name[1:]
            self.plan.rewritten.add(node)

    def _decide_log(self, log: cst.BaseExpression, keys: list[Any]) -> None:
        """Plan the new name of the learning rate in logs and histories."""
        for key in keys:
            if source(key) in ("'lr'", '"lr"') and _last_name(log) in ("history", "logs"):
                self.plan.expressions[key] = source(key).replace("lr", "learning_rate")
                self.plan.rewritten.add(key)

    def _decide_optimizer(self, call: cst.Call) -> None:
        """Plan a comment on a model that is compiled with an optimizer of TensorFlow 1."""
        if not isinstance(call.func, cst.Attribute) or call.func.attr.value != "compile":
            return
        for position, arg in enumerate(call.args):
            is_optimizer = arg.keyword.value == "optimizer" if arg.keyword else position == 0
            if is_optimizer and not arg.star and self._is_old_optimizer(arg.value):
                self._reject(call, "compile", "Keras 3 accepts only its own optimizers: use keras.optimizers")

    def _is_old_optimizer(self, node: Any) -> bool:
        """Return `True` if an object is created by an optimizer class of TensorFlow 1."""
        values = [node] if isinstance(node, cst.Call) else self._values_of(node) if isinstance(node, cst.Name) else []
        owner = self._class_of(node)
        if isinstance(node, cst.Attribute) and source(node.value) == "self" and owner is not None:
            values = [*self._values(owner, node)]
        makers = [each.func for each in values if isinstance(each, cst.Call)]
        return any(
            OLD_OPTIMIZER.match(name) for each in makers for name in self._qualified_names(self._scope(each), each)
        )

    def _decide_variables(self, call: cst.Call) -> None:
        """Plan to read the variables of an optimizer, which are a property in Keras 3."""
        function = call.func
        if call.args or not isinstance(function, cst.Attribute) or function.attr.value != "variables":
            return
        if re.search(KINDS["optimizer"], _last_name(function.value)) and "variables" not in self._defined:
            self.plan.expressions[call] = source(function)
            self.plan.rewritten.add(call)

    def _decide_training(self, call: cst.Call) -> None:
        """Plan to pass `training`, and the arguments behind it, by name to a layer or model."""
        values = [source(arg.value) for arg in call.args if not (arg.keyword or arg.star)]
        if len(values) < 2 or any(arg.star for arg in call.args) or not self._is_layer(call.func):
            return
        found = {self._call_parameters(kind) for kind in self._classes_called(call.func)} or {None}
        parameters = next(iter(found)) if len(found) == 1 else None
        named = parameters or ("inputs", "training")
        first = next(
            (at for at, value in enumerate(values) if at and (value in FLAGS or named[at : at + 1] == ("training",))),
            None,
        )
        if first is None or (parameters is None and values[first] not in FLAGS):
            return
        if len(found) > 1 or len(values) > len(named):
            self._reject(call, source(call.func), "Keras 3 accepts only tensors by position: pass training by name")
            return
        self.plan.calls[call] = Successor("", arguments=named, in_place=first)
        self.plan.rewritten.add(call)

    def _classes_called(self, function: cst.BaseExpression) -> set[cst.ClassDef | str]:
        return {kind for kind in self._classes(function) if self._is_layer_class(kind)}

    def _is_layer(self, function: cst.BaseExpression) -> bool:
        """Return `True` if a called expression is a layer or a model: made by a call, or with the name of one."""
        kinds = self._classes(function)
        if kinds or isinstance(function, cst.Call):
            return bool(kinds) and all(self._is_layer_class(kind) for kind in kinds)
        if isinstance(function, cst.Subscript):
            return bool(re.search("layers|blocks|cells", _last_name(function))) and self._is_in_layer(function)
        if isinstance(function, cst.Attribute):
            is_method = source(function.value) != "self" or function.attr.value in self._defined
            pattern = LAYER_NAME if self._is_in_layer(function) else re.compile(KINDS["network"])
            return not is_method and bool(pattern.search(function.attr.value.lower()))
        if not isinstance(function, cst.Name):
            return False
        assignments = self._scope(function)[function.value]
        nodes = [each.node if isinstance(each, Assignment) else None for each in assignments]
        if all(isinstance(node, cst.Name) for node in nodes):
            return bool(nodes) and all(self._holds_object(node) for node in nodes if isinstance(node, cst.Name))
        is_named = re.search(f"{KINDS['model']}|{KINDS['layer']}", function.value.lower())
        return bool(is_named) and all(isinstance(node, cst.Param) for node in nodes)

    def _holds_object(self, name: cst.Name) -> bool:
        """Return `True` if a variable is assigned the result of a call, or iterates over layers."""
        parent = self._parents[name]
        if isinstance(parent, cst.For):
            return "layer" in name.value.lower()
        position = None
        if isinstance(parent, cst.Element):  # of several targets
            target = self._parents[parent]
            position = target.elements.index(parent) if isinstance(target, cst.Tuple) else None
            parent = self._parents[target]
        assign = self._parents[parent]
        value = assign.value if isinstance(assign, cst.Assign) else None
        if position is not None and isinstance(value, cst.Tuple):
            value = value.elements[position].value if position < len(value.elements) else None
        return isinstance(value, cst.Call)

    def _decide_variable(self, call: cst.Call) -> None:
        """Plan to create trainable variables of layers as Keras variables, because Keras 3 does not train others."""
        names = self._qualified_names(self._scope(call), call.func)
        assign = self._parents[call]
        if names != {"tensorflow.Variable"} or not isinstance(assign, cst.Assign):
            return
        given = named(call, VARIABLE) if not any(arg.star for arg in call.args) else {}
        is_trainable = "trainable" not in given or source(given["trainable"].value) != "False"
        is_member = source(assign.targets[0].target).startswith("self.") and self._is_in_layer(call)
        if is_member and is_trainable and self._rewrite_call(call, "tf.Variable", VARIABLE):
            self._rename(call.func, "tf.Variable", "Variable", "tensorflow")

    def _decide_state(self, call: cst.Call) -> None:
        """Plan to unpack the new state of an ESN cell, which is a list, and was a tensor in Addons."""
        kinds = self._classes(call.func)
        if not any(isinstance(kind, str) and re.fullmatch(rf"{PACKAGE}\.rnn\.(\w+\.)?ESNCell", kind) for kind in kinds):
            return
        parent = self._parents[call]
        target = parent.targets[0].target if isinstance(parent, cst.Assign) and len(parent.targets) == 1 else None
        pair = target.elements if isinstance(target, cst.Tuple) else ()
        if len(pair) == 2 and isinstance(pair[1].value, cst.Name | cst.Attribute):
            self.plan.expressions[pair[1].value] = f"[{source(pair[1].value)}]"
            self.plan.rewritten.add(pair[1].value)
        else:
            self._reject(call, "rnn.ESNCell", "the new state is a list, and was a tensor in Addons: read state[0]")

    def _is_method(self, function: cst.FunctionDef) -> bool:
        return isinstance(self._parents.get(self._parents[function]), cst.ClassDef)

    def _decide_call_method(self, function: cst.FunctionDef) -> None:
        """Plan a default for the argument `training` of the method `call`, which Keras 2 passed in any case."""
        if function.name.value != "call" or not self._is_method(function) or not self._is_in_layer(function):
            return
        by_place = [*function.params.posonly_params, *function.params.params]
        first = next((at for at, each in enumerate(by_place) if each.name.value == "training"), len(by_place))
        by_name = [each for each in function.params.kwonly_params if each.name.value == "training"]
        for parameter in (*by_place[first:], *by_name):  # those behind `training` need a default as well
            if parameter.default is None:
                self.plan.defaults[parameter] = "None"
                self.plan.rewritten.add(parameter)

    def _decide_import(self, node: cst.ImportFrom) -> None:
        """Plan comments above imports of modules that are private, and of unknown names."""
        if node.relative or node.module is None:
            return
        module = dotted(node.module)
        root, _ = relative(module)
        if module.startswith(("tensorflow.python.keras", "keras.engine", "keras.src")):
            self._reject(node, module, "private modules differ in Keras 3: import the public names of tensorflow.keras")
        elif root and isinstance(node.names, cst.ImportStar):
            self._comment(node, module, "the names that * imports are unknown: import each name")
            self.plan.left.add(node)

    def _is_in_metric(self, function: cst.CSTNode) -> bool:
        parent = self._parents[self._parents[function]]
        bases = [source(base.value) for base in parent.bases] if isinstance(parent, cst.ClassDef) else []
        return any("metric" in base.lower() for base in bases)

    def _is_import(self, node: Any) -> bool:
        """Return `True` if an expression begins with an imported name."""
        chain = self._chain(node)
        names = self._scope(node)[chain[0].value] if chain else ()
        return any(isinstance(each, ImportAssignment) for each in names)

    def _reject(self, node: cst.CSTNode, name: str, reason: str) -> None:
        """Add a comment to the plan on code that Keras 3 rejects."""
        self.plan.rejected.add(node)
        self._comment(node, name, reason)


def _row(root: str, name: str) -> Successor | Missing | None:
    """Return the entry of a name relative to Keras, or `None`."""
    if not name or name.startswith("<"):
        return None
    row = KERAS2.get(f"{root}.{name}", KERAS2.get(name))
    if OLD_OPTIMIZERS.match(name):
        return Missing(f"{NONE}: import the class from keras.optimizers")
    old = OLD_MODULES.match(name)
    if row is None and old:
        new = f"{old['package']}.{old['name']}"
        there = _row(root, new)
        is_exact = re.fullmatch(r"[A-Z]\w*|to_categorical|normalize|plot_model|get_file", old["name"] or "")
        if is_exact:
            return there if isinstance(there, Missing) else Successor(new, in_place=UNMOVED)
        return Missing(f"{NONE}: import the public names of keras.{old['package']}") if old["name"] else None
    if row is None and re.search(r"(^|\.)experimental\.\w+$", name) and not name.endswith(".preprocessing"):
        return Missing(NONE)
    if row is None and re.fullmatch(r"layers\.[A-Z]\w*", name):
        return dataclasses.replace(ANY_LAYER, name=name)
    return row


def _gone_package(root: str, name: str) -> Missing | None:
    """Return the entry of the package of a name if Keras 3 does not have the package."""
    packages = [name.rsplit(".", depth)[0] for depth in range(1, name.count(".") + 1)]
    rows = [_row(root, package) for package in packages]
    return next((row for row in rows if isinstance(row, Missing)), None)


def _is_gone(root: str, name: str) -> bool:
    """Return `True` if a module of Keras 2 is not in Keras 3."""
    if OLD_MODULES.match(name):
        return True
    return any(part == "experimental" for part in name.split(".")) or (root, name) == ("tf.keras", "saving")


def _last_name(node: cst.BaseExpression) -> str:
    """Return the last name of an expression in lowercase: `model` for `self.model`, `layers[]` for `x.layers[0]`."""
    if isinstance(node, cst.Subscript):
        return f"{_last_name(node.value)}[]"
    if isinstance(node, cst.Call):
        return f"{_last_name(node.func)}()"
    name = node.attr if isinstance(node, cst.Attribute) else node
    return name.value.lower() if isinstance(name, cst.Name) else ""
