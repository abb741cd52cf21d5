"""Types of arguments, for annotations: they say what may be passed.

Importing this module imports neither TensorFlow, Keras nor NumPy; at run time the aliases that need them are `Any`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

# Sizes of the axes of one tensor; `None` where a size is not known yet.
Shape: TypeAlias = tuple[int | None, ...]
# Shape of one tensor, or shapes of several in a sequence or by name.
Shapes: TypeAlias = Shape | Sequence[Shape] | Mapping[str, Shape]
# Losses and metrics by name: numbers, or scalar tensors that nothing has read yet.
Logs: TypeAlias = dict[str, Any]

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    # Eager, graph or symbolic tensor.
    Tensor: TypeAlias = tf.Tensor | keras.KerasTensor
    # Variable of Keras or TensorFlow.
    Variable: TypeAlias = keras.Variable | tf.Variable
    # Tensor, or anything that `tf.convert_to_tensor` takes: variables, arrays, numbers, nested lists of numbers.
    TensorLike: TypeAlias = Tensor | Variable | np.ndarray | float | Sequence[Any]
    # One tensor, or a nested structure (sequences and mappings) of several.
    NestedTensors: TypeAlias = Tensor | Sequence[Any] | Mapping[str, Any]
    # Arrays or tensors of a nested structure, with one row for each sample.
    NestedArrays: TypeAlias = Tensor | np.ndarray | Sequence[Any] | Mapping[str, Any]
    # Number, or tensor of rank 0.
    Scalar: TypeAlias = float | Tensor
    # Dense gradient, or a sparse one: some rows with their indices.
    Gradient: TypeAlias = tf.Tensor | tf.IndexedSlices
    # Pipeline of `tf.data`.
    Dataset: TypeAlias = tf.data.Dataset
    # Name of a data type such as "float32", the type itself, or a policy such as "mixed_bfloat16".
    DType: TypeAlias = str | tf.DType | keras.DTypePolicy

    # Initial values of a weight: name, config, instance, or function of shape and data type.
    Initializer: TypeAlias = str | Mapping[str, Any] | keras.initializers.Initializer | Callable[..., Tensor]
    # Penalty on a weight or an output: name, config, instance or function.
    Regularizer: TypeAlias = str | Mapping[str, Any] | keras.regularizers.Regularizer | Callable[[Tensor], Tensor]
    # Projection of a weight after each update: name, config, instance or function.
    Constraint: TypeAlias = str | Mapping[str, Any] | keras.constraints.Constraint | Callable[[Tensor], Tensor]
    # Activation function: name, config, layer or function.
    Activation: TypeAlias = str | Mapping[str, Any] | keras.layers.Layer | Callable[[Tensor], Tensor]
    # Optimizer: name, config or instance.
    Optimizer: TypeAlias = str | Mapping[str, Any] | keras.optimizers.Optimizer
    # Loss: name, config, instance, or function of targets and predictions.
    Loss: TypeAlias = str | Mapping[str, Any] | keras.losses.Loss | Callable[[Tensor, Tensor], Tensor]

    # Setting of an optimizer: number, tensor, variable, schedule, or function without arguments.
    Hyperparameter: TypeAlias = (
        Scalar | Variable | keras.optimizers.schedules.LearningRateSchedule | Callable[[], Scalar]
    )
    # Learning rate: number, schedule, or function without arguments that is called in each step.
    LearningRate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule | Callable[[], Scalar]
else:
    Tensor = Variable = TensorLike = NestedTensors = NestedArrays = Scalar = Gradient = Dataset = DType = Any
    Initializer = Regularizer = Constraint = Activation = Optimizer = Loss = Hyperparameter = LearningRate = Any
