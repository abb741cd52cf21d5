"""Analysis of functions of TensorFlow that are applied to the symbolic inputs and outputs of layers.

Keras 2 wraps such calls in layers. Keras 3 rejects them, and has functions of its own in `keras.ops`.
"""

import re
from collections.abc import Iterator
from typing import Any

import libcst as cst
from libcst.metadata import GlobalScope, MetadataWrapper

from tensorsmith.migrate.calls import moved_call, source
from tensorsmith.migrate.entry import RefusedError, Successor
from tensorsmith.migrate.plan import Plan
from tensorsmith.migrate.surveyor import Surveyor, dotted

INPUTS = re.compile(r"(tensorflow\.)?keras\.(layers\.)?Input")
MODELS = re.compile(r"(tensorflow\.)?keras\.(models\.)?(Model|Sequential)")
TENSORFLOW = re.compile(r"tensorflow\.(?!keras\.(?!backend\.)|compat|data\.|function)|keras\.backend\.")
PLAIN = ("dtype", "name", "ndim", "rank", "shape")  # attributes that are not symbolic
PLAIN_FUNCTIONS = ("int_shape", "is_keras_tensor", "isinstance", "len", "ndim", "print", "type")
SYMBOLIC = ("input", "inputs", "output", "outputs")  # attributes of models
IN_LAYER = "Keras 3 does not apply it to the inputs and outputs of layers: wrap it in a layer"
ADDONS = re.compile(r"tensorflow_addons\.(image|seq2seq|text)\.(\w+\.)*[a-z]\w*$")
NEITHER = (
    "Keras 3 does not apply it to the inputs and outputs of layers: call a function of keras.ops, or wrap it in a layer"
)


def _row(name: str, arguments: str, **changes: Any) -> Successor:
    """Return the entry of a function with the given arguments, `old:new` if renamed, which keep their positions."""
    pairs = [each.partition(":") for each in arguments.split()]
    renamed = {old: new for old, _, new in pairs if new}
    old = tuple(each[0] for each in pairs)
    return Successor(f"ops.{name}", old, len(old), renamed=renamed, dropped=("name",), **changes)


ELEMENTWISE = ("abs", "cos", "exp", "sigmoid", "sin", "sqrt", "square", "tanh")
PAIRS = ("add", "maximum", "minimum", "multiply", "subtract")
REDUCTIONS = ("max", "mean", "min", "prod", "sum")
OPS = {  # functions relative to `tensorflow`, with the same results in keras.ops
    **{f"{package}{name}": _row(name, "x") for package in ("", "math.") for name in ELEMENTWISE},
    **{f"{package}{name}": _row(name, "x:x1 y:x2") for package in ("", "math.") for name in PAIRS},
    **{
        f"{package}reduce_{name}": _row(name, "input_tensor:x axis keepdims")
        for package in ("", "math.")
        for name in REDUCTIONS
    },
    "concat": _row("concatenate", "values:xs axis"),
    "expand_dims": _row("expand_dims", "input:x axis"),
    "math.log": _row("log", "x"),
    "nn.gelu": _row("gelu", "features:x approximate", added={"approximate": "False"}),
    "nn.relu": _row("relu", "features:x"),
    "nn.sigmoid": _row("sigmoid", "x"),
    "nn.softmax": _row("softmax", "logits:x axis"),
    "nn.tanh": _row("tanh", "x"),
    "reshape": _row("reshape", "tensor:x shape:newshape"),
    "squeeze": _row("squeeze", "input:x axis"),
    "stack": _row("stack", "values:x axis"),
    "transpose": _row("transpose", "a:x perm:axes"),
}


def survey_tensors(wrapper: MetadataWrapper, plan: Plan) -> None:
    """Add the changes to calls of TensorFlow functions with symbolic arguments to the plan."""
    _TensorSurvey(wrapper, plan).run()


class _TensorSurvey(Surveyor):
    def __init__(self, wrapper: MetadataWrapper, plan: Plan):
        super().__init__(wrapper, plan)
        self._symbolic: set[tuple[cst.CSTNode | None, str]] = set()  # names of tensors by function; None is the module
        self._functions = {node.name.value: node for node in self._parents if isinstance(node, cst.FunctionDef)}
        self._owners = {node: self._find_owner(node) for node in self._parents}

    def run(self) -> None:
        """Find all symbolic names, and add the changes to the plan."""
        before = -1
        while before < len(self._symbolic):  # functions are called before and after their definition
            before = len(self._symbolic)
            for node in self._parents:
                if isinstance(node, cst.Assign) and self._is_symbolic(node.value):
                    for target in node.targets:
                        self._add(target.target)
                elif isinstance(node, cst.AugAssign | cst.For):
                    if self._is_symbolic(node.value if isinstance(node, cst.AugAssign) else node.iter):
                        self._add(node.target)
                elif isinstance(node, cst.Call):
                    self._add_parameters(node)
        for node in self._parents:
            if isinstance(node, cst.Call) and any(self._is_symbolic(arg.value) for arg in node.args):
                self._decide(node)
            elif isinstance(node, cst.Attribute) and node.attr.value in ("as_list", "get_shape"):
                self._decide_shape(node)

    def _decide(self, call: cst.Call) -> None:
        """Plan the replacement of a call by a function of `keras.ops`, or a comment."""
        name = self._qualified(call.func)
        if ADDONS.match(name):
            self.plan.rejected.add(call)
            self._comment(call, source(call.func), IN_LAYER)
            return
        if (
            not TENSORFLOW.match(name)
            or name.rpartition(".")[2] in PLAIN_FUNCTIONS
            or call.func in self.plan.expressions
        ):
            return
        row, text = OPS.get(name.removeprefix("tensorflow.")), source(call.func)
        end = "." + name.removeprefix("tensorflow.")
        try:
            if row is None or not text.endswith(end):
                raise RefusedError(NEITHER)
            moved_call(call, row)
        except RefusedError as refusal:
            self.plan.rejected.add(call)
            self._comment(call, text, str(refusal))
            return
        self.plan.expressions[call.func] = f"{text.removesuffix(end)}.keras.{row.name}"
        self.plan.calls[call] = row
        self.plan.rewritten.add(call)

    def _decide_shape(self, node: cst.Attribute) -> None:
        """Plan a comment on the shape of an input or output of a layer, which is a tuple in Keras 3."""
        shape = node.value
        tensor = shape.value if isinstance(shape, cst.Attribute) and shape.attr.value == "shape" else shape
        if self._is_symbolic(tensor):
            self.plan.rejected.add(node)
            self._comment(node, node.attr.value, "shapes of inputs and outputs of layers are tuples in Keras 3")

    def _is_symbolic(self, node: Any) -> bool:
        """Return `True` if an expression is, or contains, an input or output of a layer."""
        if isinstance(node, cst.Name):
            owner = self._owners.get(node)
            return (owner, node.value) in self._symbolic or (
                (None, node.value) in self._symbolic and self._is_global(node)
            )
        if isinstance(node, cst.Attribute):
            is_of_model = node.attr.value in SYMBOLIC and "model" in source(node.value).lower()
            return is_of_model or (node.attr.value not in PLAIN and self._is_symbolic(node.value))
        if isinstance(node, cst.Call):
            name = self._qualified(node.func)
            if INPUTS.fullmatch(name):
                return True
            if MODELS.fullmatch(name) or name.rpartition(".")[2] in PLAIN_FUNCTIONS:
                return False
            return any(self._is_symbolic(arg.value) for arg in node.args) or self._is_method(node.func)
        if isinstance(node, cst.Lambda | cst.Comparison):
            return False
        parts = (cst.BaseExpression, cst.BaseElement, cst.BaseDictElement)
        return any(isinstance(child, parts) and self._is_symbolic(child) for child in self._values(node))

    def _is_global(self, name: cst.Name) -> bool:
        """Return `True` if a name refers to a variable of the module."""
        return all(isinstance(each.scope, GlobalScope) for each in self._scope(name)[name.value])

    def _is_method(self, function: cst.BaseExpression) -> bool:
        return isinstance(function, cst.Attribute) and self._is_symbolic(function.value)

    def _values(self, node: Any) -> Iterator[Any]:
        """Yield the parts of an expression that determine its value."""
        yield from [node.value] if isinstance(node, cst.Subscript | cst.BaseElement) else node.children

    def _add(self, target: Any) -> None:
        """Add the names of an assignment target to the symbolic ones."""
        if isinstance(target, cst.Name):
            self._symbolic.add((self._owners[target], target.value))
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._add(element.value)

    def _add_parameters(self, call: cst.Call) -> None:
        """Add the parameters of a function of the script that is called with symbolic arguments."""
        function = self._functions.get(source(call.func).removeprefix("self."))
        if function is None:
            return
        names = [param.name.value for param in function.params.params if param.name.value != "self"]
        for position, arg in enumerate(call.args):
            if self._is_symbolic(arg.value):
                if arg.keyword:
                    self._symbolic.add((function, arg.keyword.value))
                elif position < len(names):
                    self._symbolic.add((function, names[position]))

    def _find_owner(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """Return the innermost function around a node, lambdas included, or `None` at the level of the module."""
        parent = self._parents.get(node)
        while parent is not None and not isinstance(parent, cst.FunctionDef | cst.Lambda):
            parent = self._parents.get(parent)
        return parent

    def _qualified(self, function: cst.BaseExpression) -> str:
        """Return the qualified name of a called expression, or an empty string."""
        chain = self._chain(function)
        if chain is None:
            return ""
        first = dotted(chain[0])
        names = self._qualified_names(self._scope(function), first)
        return min(names) + source(function).removeprefix(first) if len(names) == 1 else ""
