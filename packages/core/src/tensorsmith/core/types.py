"""Type aliases for argument annotations.

Importing this module does not import TensorFlow, Keras or NumPy. At run time the aliases that need them are `Any`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

# Sizes of the axes of one tensor; `None` for unknown sizes.
Shape: TypeAlias = tuple[int | None, ...]
# Shape of one tensor, or a sequence or mapping of shapes.
Shapes: TypeAlias = Shape | Sequence[Shape] | Mapping[str, Shape]
# Names of losses and metrics to their values: numbers, or scalar tensors that have not been read yet.
Logs: TypeAlias = dict[str, Any]

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    # Eager, graph or symbolic tensor.
    Tensor: TypeAlias = tf.Tensor | keras.KerasTensor
    # Variable of Keras or TensorFlow.
    Variable: TypeAlias = keras.Variable | tf.Variable
    # Tensor, or a value that `tf.convert_to_tensor` accepts: a variable, an array, a number or a nested list of
    # numbers.
    TensorLike: TypeAlias = Tensor | Variable | np.ndarray | float | Sequence[Any]
    # Tensor, or a nested structure (sequences and mappings) of tensors.
    NestedTensors: TypeAlias = Tensor | Sequence[Any] | Mapping[str, Any]
    # Array or tensor, or a nested structure of them, with one row per sample.
    NestedArrays: TypeAlias = Tensor | np.ndarray | Sequence[Any] | Mapping[str, Any]
    # Number, or tensor of rank 0.
    Scalar: TypeAlias = float | Tensor
    # Dense gradient, or sparse gradient: some rows and their indices.
    Gradient: TypeAlias = tf.Tensor | tf.IndexedSlices
    # Pipeline of `tf.data`.
    Dataset: TypeAlias = tf.data.Dataset
    # Name of a data type, such as "float32", a data type, or a dtype policy, such as "mixed_bfloat16".
    DType: TypeAlias = str | tf.DType | keras.DTypePolicy

    # Initializer of a weight: name, config, instance, or function of shape and data type.
    Initializer: TypeAlias = str | Mapping[str, Any] | keras.initializers.Initializer | Callable[..., Tensor]
    # Regularizer of a weight or an output: name, config, instance or function.
    Regularizer: TypeAlias = str | Mapping[str, Any] | keras.regularizers.Regularizer | Callable[[Tensor], Tensor]
    # Constraint of a weight, applied after each update: name, config, instance or function.
    Constraint: TypeAlias = str | Mapping[str, Any] | keras.constraints.Constraint | Callable[[Tensor], Tensor]
    # Activation function: name, config, layer or function.
    Activation: TypeAlias = str | Mapping[str, Any] | keras.layers.Layer | Callable[[Tensor], Tensor]
    # Optimizer: name, config or instance.
    Optimizer: TypeAlias = str | Mapping[str, Any] | keras.optimizers.Optimizer
    # Loss: name, config, instance, or function of targets and predictions.
    Loss: TypeAlias = str | Mapping[str, Any] | keras.losses.Loss | Callable[[Tensor, Tensor], Tensor]

    # Hyperparameter of an optimizer: number, tensor, variable, schedule, or function without arguments.
    Hyperparameter: TypeAlias = (
        Scalar | Variable | keras.optimizers.schedules.LearningRateSchedule | Callable[[], Scalar]
    )
    # Learning rate: number, schedule, or function without arguments that is called at each step.
    LearningRate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule | Callable[[], Scalar]
else:
    Tensor = Variable = TensorLike = NestedTensors = NestedArrays = Scalar = Gradient = Dataset = DType = Any
    Initializer = Regularizer = Constraint = Activation = Optimizer = Loss = Hyperparameter = LearningRate = Any
