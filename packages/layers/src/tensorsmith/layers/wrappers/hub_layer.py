"""Layer that wraps a TensorFlow Hub module."""

import inspect
import math
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check, did_you_mean, export
from tensorsmith.core.types import NestedTensors, Shapes
from tensorsmith.layers._support.hub_modules import is_safe_mode, module_folder


@export
class HubLayer(keras.layers.Layer):
    """Layer that wraps a TensorFlow Hub module or another TensorFlow 2 SavedModel, as `hub.KerasLayer` does.

    If the module is callable, it is called, with `training` if it accepts the argument. Otherwise, one of its
    signatures is used. The variables of the module are the weights of the layer, which are trained if the layer is
    trainable. In this case, the regularization losses of the module are added, too.

    A saved model contains the handle, and optionally the weights. Without them, the weights of the module are used
    after loading. To load it, the module must be a folder or be in the cache of Hub; it is not downloaded. A module can
    run code, such as code that writes files, when it is loaded and when it is called. Therefore, saved models with this
    layer are loaded with `keras.saving.load_model(path, safe_mode=False)` only. Do so if you trust their source.

    Source: https://www.tensorflow.org/hub/reusable_saved_models (the interface of modules).

    Args:
        handle: Folder of a SavedModel, or URL of a module, which is loaded from the Hub cache or downloaded with the
            package tensorflow-hub.
        trainable: If `True`, the variables of the module are trained.
        arguments: Additional keyword arguments to pass to the module, such as `{"return_sequences": True}`.
        signature: Name of the signature to use. If `None`, the module is called, or, if it is not callable, its
            signature `"serving_default"` is used.
        output_key: Key of the output to return if there are several named outputs. If `None`, a dict of all outputs is
            returned.
        output_shape: Shape of the output without the batch axis, or a dict of shapes. Required if the module does not
            specify the shape.
        save_weights: If `True`, saved models contain the weights of the module. If `False`, saved models do not contain
            them. If `None`, saved models contain them if the layer has been trainable at any time.
        **kwargs: Base layer keyword arguments `name` and `dtype`. `dtype` defaults to float32. Modules compute in the
            dtypes with which they were saved, regardless of the dtype policy.

    Call arguments:
        inputs: Inputs of the module: a tensor, which may contain strings, or a dict of tensors.
        training: If `True`, call the module in training mode. Ignored if the layer is not trainable.

    Input shape:
        Same as that of the module.

    Output shape:
        Same as that of the module.

    Raises:
        ValueError: If the module, the signature or the output is not found.

    Example:
        >>> import keras, tempfile
        >>> encoder = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
        >>> folder = tempfile.mkdtemp()
        >>> encoder.export(folder, verbose=False)
        >>> model = keras.Sequential([keras.Input((8,)), HubLayer(folder), keras.layers.Dense(1)])
        >>> len(model.trainable_variables), len(model.non_trainable_variables)
        (2, 2)
    """

    def __init__(
        self,
        handle: str,
        trainable: bool = False,
        arguments: Mapping[str, Any] | None = None,
        signature: str | None = None,
        output_key: str | None = None,
        output_shape: Sequence[int | None] | Mapping[str, Any] | None = None,
        save_weights: bool | None = None,
        **kwargs: Any,
    ):
        check(isinstance(handle, str), "handle", handle, "a string with the path of a folder or a URL")
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        self.supports_jit = False  # modules may contain ops that XLA does not support, such as strings and tables
        self.handle = handle
        self.arguments = dict(arguments or {})
        self.signature = signature
        self.output_key = output_key
        self.output_shape = output_shape
        self.save_weights = save_weights
        self.module = tf.saved_model.load(module_folder(handle))
        self._calls_module = callable(self.module) and signature is None
        self._function = self.module.__call__ if self._calls_module else self._signature(signature or "serving_default")
        self._takes_training = self._calls_module and "training" in inspect.signature(self._function).parameters
        self.module_variables = [_as_keras(*each) for each in self._variables()]
        self.trainable = trainable  # set after the variables exist, so that they can be frozen
        self._has_weights_of_its_own = trainable

    def _signature(self, name: str) -> Any:
        known = list(getattr(self.module, "signatures", {}))
        remedy = did_you_mean(name, known)
        check(name in known, "signature", name, f"one of the signatures {known} of the module", remedy)
        return self.module.signatures[name]

    def _variables(self) -> list[tuple[tf.Variable, bool]]:
        """Returns each variable of the function or module, paired with a boolean that is `True` if it is trainable."""
        functions = getattr(self._function, "concrete_functions", [self._function])
        found = {id(variable): variable for function in functions for variable in function.variables}
        found |= {id(variable): variable for variable in getattr(self.module, "variables", None) or ()}
        told = getattr(self.module, "trainable_variables", None)
        trainable = [variable for variable in found.values() if variable.trainable] if told is None else told
        keys = {id(variable) for variable in trainable}
        return [(variable, key in keys) for key, variable in found.items()]

    def build(self, input_shape: Shapes | None = None) -> None:
        """Does nothing, because the layer uses the variables of the module."""

    def call(self, inputs: NestedTensors, training: bool = False) -> NestedTensors:
        """Calls the TensorFlow Hub module."""
        arguments = dict(self.arguments)
        if self.trainable:
            self._has_weights_of_its_own = True
        if self._takes_training:
            arguments["training"] = bool(training and self.trainable)
        if self._calls_module:
            first, *_ = self._function.concrete_functions
            outputs = self._call_module(_as_told(inputs, first.structured_input_signature[0][0]), arguments)
        else:
            named = self._by_name(inputs)
            outputs = self._function(**_as_told(named, self._function.structured_input_signature[1]), **arguments)
            if len(outputs) == 1 and self.output_key is None:
                (outputs,) = outputs.values()
        if self.output_key is not None:
            key, names = self.output_key, list(outputs) if isinstance(outputs, Mapping) else []
            remedy = "" if key in names else did_you_mean(key, names)
            check(key in names, "output_key", key, f"one of the output names {names}", remedy)
            outputs = outputs[key]
        if self.trainable:
            for loss in getattr(self.module, "regularization_losses", ()):
                self.add_loss(loss())
        if self.output_shape is not None:
            _set_shapes(outputs, self.output_shape, keras.tree.flatten(inputs)[0].shape[:1])
        return outputs

    def _call_module(self, inputs: NestedTensors, arguments: dict[str, Any]) -> Any:
        """Calls the traced function that accepts the inputs and has the most unknown dimensions.

        TensorFlow would call the first match, and an unknown batch size also matches a trace with a batch size of one.
        """
        given = inspect.signature(self._function).bind(inputs, **arguments)
        given.apply_defaults()
        call = given.args, given.kwargs
        fitting = [each for each in self._function.concrete_functions if _fits(each, call)]
        function = max(fitting, key=_unknown_sizes, default=self._function)
        return function(*given.args, **given.kwargs)

    def _by_name(self, inputs: NestedTensors) -> Mapping[str, Any]:
        """Returns the inputs as a dict of keyword arguments for the signature of the module."""
        if isinstance(inputs, Mapping):
            return inputs
        names = sorted(self._function.structured_input_signature[1])
        check(
            len(names) == 1,
            "inputs",
            Verbatim("a tensor"),
            f"a dict with the inputs {names} of the signature",
        )
        return {names[0]: inputs}

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Saves the weights of the module if `save_weights` requires it."""
        own = self._has_weights_of_its_own or self.trainable
        if own if self.save_weights is None else self.save_weights:
            super().save_own_variables(store)

    def load_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Loads the saved weights. If there are none, the weights of the module remain unchanged."""
        if store.keys():
            super().load_own_variables(store)
            self._has_weights_of_its_own = True

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "handle": self.handle,
            "arguments": self.arguments,
            "signature": self.signature,
            "output_key": self.output_key,
            "output_shape": self.output_shape,
            "save_weights": self.save_weights,
        }
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "HubLayer":
        """Creates a layer from its config, without downloading the module.

        Raises:
            ValueError: If the layer is part of a saved model that is loaded in the safe mode of Keras, or if the module
                is not found.
        """
        remedy = "if you trust the model and the module, load the model with safe_mode=False"
        received = Verbatim(f"the module {config['handle']!r} of a HubLayer, which can run code")
        check(not is_safe_mode(), "model", received, "free of TensorFlow Hub modules in safe mode", remedy)
        module_folder(config["handle"], fetch=False)
        return super().from_config(config)


def _as_keras(variable: tf.Variable, trainable: bool) -> keras.Variable:
    """Returns a Keras variable that wraps a module variable, with slashes in its name replaced."""
    name = variable.name.split(":")[0].replace("/", "_")
    return keras.Variable(variable, dtype=variable.dtype.name, trainable=trainable, name=name)


def _fits(function: Any, call: Any) -> bool:
    """Returns `True` if the input signature of a traced function is compatible with the arguments of a call."""
    specs, values = tf.nest.flatten(function.structured_input_signature), tf.nest.flatten(call)
    return len(specs) == len(values) and all(
        tf.is_tensor(value) and spec.is_compatible_with(value)
        if isinstance(spec, tf.TensorSpec)
        else type(spec) is type(value) and spec == value
        for spec, value in zip(specs, values, strict=True)
    )


def _unknown_sizes(function: Any) -> float:
    """Returns the number of unknown dimensions in the input signature of a traced function."""
    specs = [spec for spec in tf.nest.flatten(function.structured_input_signature) if isinstance(spec, tf.TensorSpec)]
    return sum(math.inf if spec.shape.rank is None else list(spec.shape).count(None) for spec in specs)


def _as_told(inputs: NestedTensors, specs: Any) -> Any:
    """Casts floating-point inputs to the dtypes in the input signature of a traced function."""
    if isinstance(inputs, Mapping) and isinstance(specs, Mapping):
        return {name: _as_told(value, specs.get(name)) for name, value in inputs.items()}
    inputs = keras.tree.map_structure(tf.convert_to_tensor, inputs)
    told = isinstance(specs, tf.TensorSpec) and specs.dtype.is_floating and tf.is_tensor(inputs)
    return tf.cast(inputs, specs.dtype) if told and inputs.dtype.is_floating else inputs


def _set_shapes(outputs: Any, shapes: Any, batch: tf.TensorShape) -> None:
    """Sets the static shapes of the outputs, given their shapes without the batch axis."""
    if isinstance(outputs, Mapping):
        for name, output in outputs.items():
            _set_shapes(output, shapes[name], batch)
    else:
        outputs.set_shape(batch.concatenate(shapes))
