"""Sizes of the feature maps that are flattened before dense layers."""

from typing import NoReturn

import keras
from keras import layers

from tensorsmith.core import Verbatim, argument_error
from tensorsmith.core.types import NestedTensors
from tensorsmith.layers._support.graphs import OUTPUT, is_graph, sources
from tensorsmith.layers.activation_layers.learnable_exponential import LearnableExponential
from tensorsmith.layers.activation_layers.sparsemax import Sparsemax
from tensorsmith.layers.convolution.gated_activation_unit import GatedActivationUnit
from tensorsmith.layers.dense.maxout import Maxout
from tensorsmith.layers.dense.residual_dense import ResidualDense
from tensorsmith.layers.normalization.layer_normalization import LayerNormalization
from tensorsmith.layers.normalization.rms_normalization import RMSNormalization
from tensorsmith.layers.output.rbf_output import RBFOutput
from tensorsmith.layers.regularization.dropout import Dropout
from tensorsmith.layers.regularization.mc_alpha_dropout import MCAlphaDropout
from tensorsmith.layers.regularization.mc_dropout import MCDropout

POOLINGS = {layers.GlobalAveragePooling2D: layers.AveragePooling2D, layers.GlobalMaxPooling2D: layers.MaxPooling2D}
# Elementwise layers. `Activation` is elementwise unless its function is listed in ACROSS.
ELEMENTWISE = (
    *(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Identity, layers.ActivityRegularization),
    *(layers.Dropout, layers.AlphaDropout, layers.GaussianDropout, layers.GaussianNoise),
    *(Dropout, MCDropout, MCAlphaDropout),
    *(layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum),
)
ACROSS = (keras.activations.softmax, keras.activations.log_softmax, keras.activations.sparsemax, keras.activations.glu)
# Layers that act on each vector along the last axis, unless they have another `axis`.
ALONG_LAST_AXIS = (
    *(layers.Activation, layers.BatchNormalization, layers.Concatenate, layers.LayerNormalization, layers.Rescaling),
    *(layers.RMSNormalization, layers.Softmax, layers.UnitNormalization),
    *(GatedActivationUnit, LayerNormalization, LearnableExponential, Maxout),
    *(RBFOutput, ResidualDense, RMSNormalization, Sparsemax),
)
# Names of operations that do so: Keras does not export their classes.
OPERATIONS = (
    *("Absolute", "Add", "Divide", "Exp", "Log", "Maximum", "Minimum", "Multiply", "Negative", "Power", "ReLU", "Relu"),
    *("Sigmoid", "Softmax", "Subtract", "Tanh", "TrueDivide"),
)
PLACE = (1, 1)

Window = tuple[int, int]


def flattened_windows(model: keras.Model) -> dict[int, Window]:
    """Returns the height and width of the flattened feature map that each dense layer receives as input.

    The keys are the ids of the layers. Dense layers after pooled maps or other dense layers have the size (1, 1).

    Raises:
        ValueError: If a layer would compute something else on feature maps than on flattened or pooled ones.
    """
    found: dict[int, Window] = {}
    _follow(model, found)
    return found


def _follow(model: keras.Model, found: dict[int, Window]) -> Window | None:
    """Stores the feature map size of each dense layer of a model in `found`.

    Returns the window of the vectors that the model outputs, or `None` if they do not come from a feature map.
    """
    taken = sources(model)
    windows: dict[str, Window | None] = {}
    for layer in model.layers if isinstance(model, keras.Sequential) else model.operations:
        # Operations are in topological order, so that the windows of all inputs are known.
        before = {windows[source.name] for source in taken.get(layer.name, [])} or {None}
        windows[layer.name] = _after(layer, before, found)
    ends = {source: windows[source.name] for source in taken[OUTPUT]}
    for layer, window in ends.items():
        if window not in (None, PLACE):
            _refuse(
                layer, "outputs a flattened feature map of the model", "add a dense layer after it to the same model"
            )
    return PLACE if PLACE in ends.values() else None


def _after(layer: keras.Layer, before: set[Window | None], found: dict[int, Window]) -> Window | None:
    """Returns the feature map size of a layer's output, given the feature map sizes of its inputs."""
    ranks, made = _ranks(layer.input), _ranks(layer.output)
    if type(layer) is layers.Flatten and ranks != {2}:
        return _map(layer)
    if type(layer) in POOLINGS:
        _map(layer)
        return PLACE if made == {2} else None
    if 2 not in ranks or before == {None}:  # no flattened inputs
        if is_graph(layer):
            return _follow(layer, found)
        if 4 in ranks and made != {4}:
            _refuse(layer, "does not map feature maps to feature maps", "use Flatten or GlobalAveragePooling2D")
        return None
    if len(before) > 1:
        _refuse(
            layer, "combines flattened feature maps of different sizes", "combine the outputs of dense layers instead"
        )
    window = before.pop() or PLACE
    if type(layer) is layers.Dense:
        found[id(layer)] = window
        return PLACE
    elementwise = type(layer) in ELEMENTWISE and getattr(layer, "activation", None) not in ACROSS
    if elementwise or type(layer) is layers.Flatten:
        return window
    if window != PLACE:
        _refuse(layer, "takes a flattened feature map", "put it before Flatten, or after the dense layer")
    if is_graph(layer):
        _refuse(layer, "takes vectors", "add its layers to the model itself")
    operation = not isinstance(layer, layers.Layer) and type(layer).__name__ in OPERATIONS
    if not operation and type(layer) not in ALONG_LAST_AXIS:
        what = "takes vectors, and may treat the vectors of a feature map differently"
        _refuse(layer, what, "exclude it from the model to convert")
    if any(axis != -1 for axis in keras.tree.flatten(getattr(layer, "axis", -1))):
        _refuse(layer, f"has axis={layer.axis}, which is the height of a feature map", "set axis=-1")
    return PLACE


def _ranks(tensors: NestedTensors) -> set[int]:
    return {len(tensor.shape) for tensor in keras.tree.flatten(tensors)}


def _map(layer: keras.Layer) -> Window:
    """Returns the height and width of the feature map that a layer flattens or pools."""
    shape = layer.input.shape
    if len(shape) != 4 or None in shape[1:] or layer.data_format != "channels_last":
        remedy = "build the model with images of known shape (height, width, channels)"
        _refuse(layer, f"takes {shape} in the format {layer.data_format}", remedy)
    return shape[1:3]


def _refuse(layer: keras.Layer, what: str, remedy: str) -> NoReturn:
    received = Verbatim(f"a model whose {type(layer).__name__} {layer.name!r} {what}")
    raise argument_error(
        "model",
        received,
        "contain only layers that compute the same result whether or not feature maps are flattened",
        remedy,
    )
