"""A TensorFlow Hub module as a layer."""

import inspect
import math
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check, did_you_mean, export
from tensorsmith.core.types import NestedTensors, Shapes
from tensorsmith.layers._support.hub_modules import module_folder


@export
class HubLayer(keras.layers.Layer):
    """A TensorFlow Hub module, or any TensorFlow 2 SavedModel, inside a Keras model: `hub.KerasLayer` for Keras 3.

    A module that can be called is called, and told whether it is training if it asks; otherwise one of its signatures
    is. Its variables are the layer's, and train if the layer is trainable; then the losses by which the module
    regularizes itself count, too.

    A saved model holds the handle, and the weights if asked: without them it gets those of the module back. It loads
    where the module is a folder or in Hub's cache; loading fetches nothing. As with every SavedModel, load only what
    you trust: it is a program.

    Source: https://www.tensorflow.org/hub/reusable_saved_models (the interface of modules).

    Args:
        handle: A folder with a SavedModel, or the address of a module, which is looked for in Hub's cache and, if it is
            not there, fetched by the package tensorflow-hub.
        trainable: Whether its variables train.
        arguments: Further keyword arguments of the module, such as `{"return_sequences": True}`.
        signature: Name of a signature to use. If None, the module is called, or where it cannot be, its signature
            "serving_default".
        output_key: Which of several named outputs to return; all in a dict if None.
        output_shape: Shape of an output without the batch, or a dict of such, where the module does not tell.
        save_weights: Whether a saved model holds the weights; if None, those of a layer that has been trainable.
        **kwargs: `name` and `dtype`, as for every Keras layer. Modules compute in the types they were saved with,
            whatever the policy: float32 is the default.

    Call arguments:
        inputs: What the module takes: a tensor, which may be of strings, or a dict of them.
        training: Whether the module trains; a layer that is not trainable never does.

    Input shape:
        That of the module.

    Output shape:
        That of the module.

    Raises:
        ValueError: There is no such module, or it has no such signature or output.

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
        check(isinstance(handle, str), "handle", handle, "a folder or an address, as a string")
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        self.supports_jit = False  # whatever is in the module, XLA may lack it: strings, tables
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
        self.trainable = trainable  # now that there are variables to freeze
        self._has_weights_of_its_own = trainable

    def _signature(self, name: str) -> Any:
        known = list(getattr(self.module, "signatures", {}))
        remedy = did_you_mean(name, known)
        check(name in known, "signature", name, f"one of {known}, which the module has", remedy)
        return self.module.signatures[name]

    def _variables(self) -> list[tuple[tf.Variable, bool]]:
        """All variables that the function uses or the module tells of, and whether they train."""
        functions = getattr(self._function, "concrete_functions", [self._function])
        found = {id(variable): variable for function in functions for variable in function.variables}
        found |= {id(variable): variable for variable in getattr(self.module, "variables", None) or ()}
        told = getattr(self.module, "trainable_variables", None)
        trainable = [variable for variable in found.values() if variable.trainable] if told is None else told
        keys = {id(variable) for variable in trainable}
        return [(variable, key in keys) for key, variable in found.items()]

    def build(self, input_shape: Shapes | None = None) -> None:
        """Nothing: the variables come with the module."""

    def call(self, inputs: NestedTensors, training: bool = False) -> NestedTensors:
        """Calls the module."""
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
            check(key in names, "output_key", key, f"one of the outputs' names, {names}", remedy)
            outputs = outputs[key]
        if self.trainable:
            for loss in getattr(self.module, "regularization_losses", ()):
                self.add_loss(loss())
        if self.output_shape is not None:
            _set_shapes(outputs, self.output_shape, keras.tree.flatten(inputs)[0].shape[:1])
        return outputs

    def _call_module(self, inputs: NestedTensors, arguments: dict[str, Any]) -> Any:
        """Calls the trace that fits and leaves most sizes open.

        TensorFlow would call the first that fits, and a batch of a size that is not known yet fits a trace of one.
        """
        given = inspect.signature(self._function).bind(inputs, **arguments)
        given.apply_defaults()
        call = given.args, given.kwargs
        fitting = [each for each in self._function.concrete_functions if _fits(each, call)]
        function = max(fitting, key=_unknown_sizes, default=self._function)
        return function(*given.args, **given.kwargs)

    def _by_name(self, inputs: NestedTensors) -> Mapping[str, Any]:
        """The inputs as a signature takes them."""
        if isinstance(inputs, Mapping):
            return inputs
        names = sorted(self._function.structured_input_signature[1])
        check(len(names) == 1, "inputs", Verbatim("a tensor"), f"a dict of {names}, which the signature takes")
        return {names[0]: inputs}

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Writes the weights, if they are to be saved."""
        own = self._has_weights_of_its_own or self.trainable
        if own if self.save_weights is None else self.save_weights:
            super().save_own_variables(store)

    def load_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Reads the weights; without any the module's stay."""
        if store.keys():
            super().load_own_variables(store)
            self._has_weights_of_its_own = True

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
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
        """The layer of a config, if its module is on this machine."""
        module_folder(config["handle"], fetch=False)
        return super().from_config(config)


def _as_keras(variable: tf.Variable, trainable: bool) -> keras.Variable:
    """The same variable as Keras takes it, whose names have no slashes."""
    name = variable.name.split(":")[0].replace("/", "_")
    return keras.Variable(variable, dtype=variable.dtype.name, trainable=trainable, name=name)


def _fits(function: Any, call: Any) -> bool:
    """Whether a traced function can be called so."""
    specs, values = tf.nest.flatten(function.structured_input_signature), tf.nest.flatten(call)
    return len(specs) == len(values) and all(
        tf.is_tensor(value) and spec.is_compatible_with(value)
        if isinstance(spec, tf.TensorSpec)
        else type(spec) is type(value) and spec == value
        for spec, value in zip(specs, values, strict=True)
    )


def _unknown_sizes(function: Any) -> float:
    """How many sizes of its inputs a traced function leaves open."""
    specs = [spec for spec in tf.nest.flatten(function.structured_input_signature) if isinstance(spec, tf.TensorSpec)]
    return sum(math.inf if spec.shape.rank is None else list(spec.shape).count(None) for spec in specs)


def _as_told(inputs: NestedTensors, specs: Any) -> Any:
    """Inputs of floating type in the types that a function was traced with."""
    if isinstance(inputs, Mapping) and isinstance(specs, Mapping):
        return {name: _as_told(value, specs.get(name)) for name, value in inputs.items()}
    inputs = keras.tree.map_structure(tf.convert_to_tensor, inputs)
    told = isinstance(specs, tf.TensorSpec) and specs.dtype.is_floating and tf.is_tensor(inputs)
    return tf.cast(inputs, specs.dtype) if told and inputs.dtype.is_floating else inputs


def _set_shapes(outputs: Any, shapes: Any, batch: tf.TensorShape) -> None:
    """Tells the shapes of outputs, given without the batch."""
    if isinstance(outputs, Mapping):
        for name, output in outputs.items():
            _set_shapes(output, shapes[name], batch)
    else:
        outputs.set_shape(batch.concatenate(shapes))
