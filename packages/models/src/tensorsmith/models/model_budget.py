"""Parameters, multiplications and memory of a model, by layer."""

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check, format_bytes
from tensorsmith.core.types import Shape

COLUMNS = ("layer", "type", "output shape", "parameters", "multiplications", "activations")
# Ops that compute matrix products which are not counted: loops, and the kernels of recurrent layers.
UNCOUNTED = (
    "PartitionedCall",
    "StatefulPartitionedCall",
    "TensorsmithGru",
    "TensorsmithLayerNormLstm",
    "TensorsmithLstm",
    "TensorsmithSimpleRnn",
    "While",
)
WITHOUT_VALUES = ("Placeholder", "Reshape", "Identity", "Squeeze", "ExpandDims", "Const", "NoOp")


@dataclasses.dataclass(frozen=True)
class LayerBudget:
    """Budget of one call of a layer, for one example.

    Attributes:
        name: Name of the layer, after the names of the models that contain it.
        kind: Name of the class of the layer.
        output_shape: Shapes of the outputs, without the batch axis.
        parameters: Number of parameters, including moving averages; 0 if the layer has been called before.
        multiplications: Number of multiplications in convolutions and matrix products. `None` if it is not known,
            because the layer has a loop over steps.
        activation_bytes: Bytes of the outputs of the layer, and of convolutions and matrix products within it.
        input_bytes: Bytes of the inputs.
        output_bytes: Bytes of the outputs.
    """

    name: str
    kind: str
    output_shape: tuple[Any, ...]
    parameters: int
    multiplications: int | None
    activation_bytes: int
    input_bytes: int
    output_bytes: int


@dataclasses.dataclass(frozen=True)
class ModelBudget:
    """Budget of a model. `str` returns it as a table.

    Attributes:
        layers: Budgets of the layers, in the order of their calls.
        parameters: Number of parameters, including moving averages.
        parameter_bytes: Bytes of the parameters.
        input_bytes: Bytes of the inputs of one example.
    """

    layers: tuple[LayerBudget, ...]
    parameters: int
    parameter_bytes: int
    input_bytes: int

    @property
    def multiplications(self) -> int | None:
        """Number of multiplications for one example, or `None` if that of a layer is not known."""
        numbers = [layer.multiplications for layer in self.layers]
        return None if None in numbers else sum(number or 0 for number in numbers)

    @property
    def inference_bytes(self) -> int:
        """Bytes that inference requires for one example: the parameters, and inputs and outputs of one layer."""
        largest = max((layer.input_bytes + layer.output_bytes for layer in self.layers), default=0)
        return self.parameter_bytes + largest

    def training_bytes(self, batch_size: int) -> int:
        """Return the bytes that a training step requires for parameters, inputs and activations.

        Gradients and the state of the optimizer, which depend on the optimizer, are not included.
        """
        activations = sum(layer.activation_bytes for layer in self.layers)
        return self.parameter_bytes + batch_size * (self.input_bytes + activations)

    def __str__(self) -> str:
        rows = [
            (
                layer.name,
                layer.kind,
                _joined(layer.output_shape),
                f"{layer.parameters:,}",
                "unknown" if layer.multiplications is None else f"{layer.multiplications:,}",
                format_bytes(layer.activation_bytes),
            )
            for layer in self.layers
        ]
        widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
        lines = [
            "  ".join(
                text.rjust(size) if index > 2 else text.ljust(size)
                for index, (text, size) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (COLUMNS, *rows)
        ]
        total = "an unknown number of" if self.multiplications is None else f"{self.multiplications:,}"
        lines += [
            "",
            f"{self.parameters:,} parameters, {total} multiplications per example",
            f"Memory: {format_bytes(self.inference_bytes)} for inference on one example, "
            f"{format_bytes(self.training_bytes(32))} for training with a batch of 32, without gradients and optimizer",
        ]
        return "\n".join(lines)


def model_budget(model: keras.Model, input_shape: Shape | None = None) -> ModelBudget:
    """Return parameters, multiplications and memory of a model, by layer.

    Multiplications are those of convolutions, matrix products and attention; normalization and activations are not
    counted. The memory is that of the values which must be available at the same time: for inference, the inputs and
    outputs of one layer; for training, the outputs of all layers, and of convolutions and matrix products within
    layers, which backpropagation reads.

    Args:
        model: Functional or Sequential model with a single input.
        input_shape: Shape of one example. Required if dimensions of the input of the model are unknown.

    Returns:
        A `ModelBudget`.

    Raises:
        ValueError: If the model is neither functional nor Sequential, has several inputs, or its input shape is
            unknown.

    Example:
        >>> import keras
        >>> layer = keras.layers.Conv2D(200, 5, padding="same")
        >>> budget = model_budget(keras.Sequential([keras.Input((150, 100, 3)), layer]))
        >>> budget.parameters, budget.multiplications, budget.layers[0].output_bytes
        (15200, 225000000, 12000000)
    """
    inputs = getattr(model, "inputs", None) or []
    check(len(inputs) == 1, "model", Verbatim(f"a model with {len(inputs)} inputs"), "a built model with one input")
    shape = tuple(inputs[0].shape[1:]) if input_shape is None else tuple(input_shape)
    expected = f"compatible with {tuple(inputs[0].shape[1:])} and without unknown dimensions"
    known = None not in shape and tf.TensorShape(shape).is_compatible_with(inputs[0].shape[1:])
    check(known, "input_shape", shape, expected)
    example = keras.KerasTensor((1, *shape), inputs[0].dtype)
    rows: list[LayerBudget] = []
    _record(model, example, "", rows, set())
    sizes = [(math.prod(variable.shape), variable.dtype) for variable in model.variables if _is_parameter(variable)]
    return ModelBudget(
        tuple(rows),
        sum(size for size, _ in sizes),
        sum(size * tf.as_dtype(dtype).size for size, dtype in sizes),
        _bytes([example]),
    )


class _Recorder(keras.Operation):
    """Operation that replaces a layer in a copy of a model, and records the budget of each call.

    The copy is symbolic. Layers are traced and not called on symbolic tensors, so that the original model does not
    change.
    """

    def __init__(self, layer: keras.Layer, prefix: str, rows: list[LayerBudget], counted: set[int]) -> None:
        super().__init__()
        self._record: Callable[..., Any] = lambda *inputs, **options: _record_call(
            layer, inputs, options, prefix, rows, counted
        )

    def compute_output_spec(self, *inputs: Any, **options: Any) -> Any:
        """Record the budget of the layer, and return its outputs as symbolic tensors."""
        return self._record(*inputs, **options)


def _record(
    model: keras.Model, example: keras.KerasTensor, prefix: str, rows: list[LayerBudget], counted: set[int]
) -> Any:
    """Record the layers of a model for an input, and return its symbolic outputs."""

    def record(layer: keras.Operation, *inputs: Any, **options: Any) -> Any:
        if not isinstance(layer, keras.Layer):  # a function of keras.ops
            return layer(*inputs, **options)
        return _Recorder(layer, prefix, rows, counted)(*inputs, **options)

    if isinstance(model, keras.Sequential):
        outputs: Any = example
        for layer in model.layers:
            outputs = record(layer, outputs)
        return outputs
    inputs = keras.Input(batch_shape=example.shape, dtype=example.dtype)
    inputs = keras.tree.map_structure(lambda _: inputs, model.input)
    clone = keras.models.clone_model(model, inputs, clone_function=lambda layer: layer, call_function=record)
    return keras.tree.map_structure(_symbolic, clone.output)


def _record_call(
    layer: keras.Layer, inputs: Any, options: Any, prefix: str, rows: list[LayerBudget], counted: set[int]
) -> Any:
    name = f"{prefix}{layer.name}"
    if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
        return _record(layer, inputs[0], f"{name}/", rows, counted)
    specs = keras.tree.map_structure(_spec, (inputs, options))
    graph = tf.function(lambda *inputs, **options: layer(*inputs, **options)).get_concrete_function(
        *specs[0], **specs[1]
    )
    outputs = keras.tree.map_structure(_symbolic, graph.structured_outputs)
    tensors = keras.tree.flatten(outputs)
    operations = graph.graph.get_operations()
    products = [operation for operation in operations if operation.type in PRODUCTS]
    unknown = any(operation.type in UNCOUNTED for operation in operations)
    has_values = any(operation.type not in (*WITHOUT_VALUES, "ReadVariableOp") for operation in operations)
    inner = [tensor for operation in products[:-1] for tensor in operation.outputs[:1]]
    rows.append(
        LayerBudget(
            name,
            type(layer).__name__,
            tuple(tuple(tensor.shape[1:]) for tensor in tensors),
            0
            if id(layer) in counted
            else sum(math.prod(each.shape) for each in layer.variables if _is_parameter(each)),
            None if unknown else sum(PRODUCTS[operation.type](operation) for operation in products),
            _bytes([*tensors, *inner]) if has_values else 0,
            _bytes(tensor for tensor in keras.tree.flatten((inputs, options)) if isinstance(tensor, keras.KerasTensor)),
            _bytes(tensors),
        )
    )
    counted.add(id(layer))
    return outputs


def _symbolic(tensor: Any) -> keras.KerasTensor:
    return keras.KerasTensor(tensor.shape, keras.backend.standardize_dtype(tensor.dtype))


def _spec(value: Any) -> Any:
    return tf.TensorSpec(value.shape, value.dtype) if isinstance(value, keras.KerasTensor) else value


def _bytes(tensors: Iterable[Any]) -> int:
    return sum(math.prod(tensor.shape) * tf.as_dtype(tensor.dtype).size for tensor in tensors)


def _is_parameter(variable: Any) -> bool:
    """Return `True` unless a variable is the state of a random number generator."""
    return "seed_generator" not in variable.path


def _convolution(operation: tf.Operation) -> int:
    kernel = operation.inputs[1].shape
    return math.prod(operation.outputs[0].shape) * math.prod(kernel[:-1])


def _depthwise_convolution(operation: tf.Operation) -> int:
    kernel = operation.inputs[1].shape
    return math.prod(operation.outputs[0].shape) * math.prod(kernel[:2])


def _transposed_convolution(operation: tf.Operation) -> int:
    kernel = operation.inputs[1].shape  # (height, width, output channels, input channels)
    return math.prod(operation.inputs[2].shape) * math.prod(kernel[:-1])


def _matrix_product(operation: tf.Operation) -> int:
    transposed = operation.get_attr("transpose_a" if operation.type == "MatMul" else "adj_x")
    return math.prod(operation.outputs[0].shape) * operation.inputs[0].shape[-2 if transposed else -1]


def _einsum(operation: tf.Operation) -> int:
    inputs, _ = operation.get_attr("equation").decode().split("->")
    sizes: dict[str, int] = {}
    for labels, tensor in zip(inputs.split(","), operation.inputs, strict=True):
        before, _, after = labels.partition("...")
        shape = tensor.shape
        sizes.update(zip(before, shape, strict=False))
        sizes.update(zip(reversed(after), reversed(shape), strict=False))
    return math.prod(sizes.values())


def _attention(operation: tf.Operation) -> int:
    query, key = operation.inputs[0].shape, operation.inputs[1].shape  # (batch, steps, heads, features)
    return 2 * math.prod(query) * key[1]


PRODUCTS: dict[str, Callable[[tf.Operation], int]] = {
    "BatchMatMulV2": _matrix_product,
    "Conv2D": _convolution,
    "Conv2DBackpropInput": _transposed_convolution,
    "Conv3D": _convolution,
    "DepthwiseConv2dNative": _depthwise_convolution,
    "Einsum": _einsum,
    "MatMul": _matrix_product,
    "TensorsmithAttention": _attention,
}


def _joined(shapes: tuple[Any, ...]) -> str:
    return ", ".join(" x ".join(map(str, shape)) or "scalar" for shape in shapes)
