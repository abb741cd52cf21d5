"""California housing prices with a custom loss, metric, layers, activation, initializer, regularizer and constraint.

Data: California housing, 11,610 / 3,870 / 5,160 districts, 8 features, target in 100,000 dollars
Command: tensorsmith run custom/components

A component is saved by its registered name and its config, with which it is created again when the model is loaded.
`--loss function`, `factory` and `class` train the same network. Of the function that the factory returns, only the name
is saved, so that loading it requires `custom_objects={"huber_fn": create_huber(2.0)}`. Only the class is loaded with
its threshold. The components are similar to those of Géron (2019, chapter 12).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
from jsonargparse.typing import NonNegativeFloat, PositiveFloat, PositiveInt
from keras import ops

import tensorsmith.tuning as tune
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.data import load_splits
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    loss: Literal["class", "factory", "function"] = "class"  # form of the Huber loss
    threshold: PositiveFloat = 1.0  # largest error for which the loss is quadratic; that of the function is 1
    units: PositiveInt = tune.integer(10, 60, default=30)  # units of both hidden layers
    noise: NonNegativeFloat = tune.uniform(0.0, 0.2, default=0.05)  # standard deviation of the noise added to features
    penalty: NonNegativeFloat = 1e-4  # factor of the sum of absolute weights that is added to the loss
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 3e-2, default=3e-3)  # learning rate of Nadam
    epochs: PositiveInt = 20


SCORE = "test mean_huber_error"
SMOKE = {"epochs": 1}


registered = keras.saving.register_keras_serializable("components")


def create_huber(threshold: float = 1.0) -> Callable[[Tensor, Tensor], Tensor]:
    """Returns a Huber loss function with a threshold."""

    def huber_fn(targets: Tensor, predictions: Tensor) -> Tensor:
        error = ops.abs(ops.cast(targets, predictions.dtype) - predictions)
        return ops.where(error < threshold, error**2 / 2, threshold * error - threshold**2 / 2)

    return huber_fn


@registered
def huber(targets: Tensor, predictions: Tensor) -> Tensor:
    """Returns the Huber loss with a threshold of 1."""
    return create_huber()(targets, predictions)


@registered
class HuberLoss(keras.losses.Loss):
    """Loss with a threshold in its config, with which it is created again when a model is loaded."""

    def __init__(self, threshold: float = 1.0, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.threshold = threshold

    def call(self, targets: Tensor, predictions: Tensor) -> Tensor:
        return create_huber(self.threshold)(targets, predictions)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


@registered
class MeanHuberError(keras.metrics.Mean):
    """Metric that computes the mean over all examples, not the mean over the means of batches."""

    def __init__(self, threshold: float = 1.0, name: str = "mean_huber_error", **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self.threshold = threshold

    def update_state(self, targets: Tensor, predictions: Tensor, sample_weight: Any = None) -> None:
        super().update_state(create_huber(self.threshold)(targets, predictions), sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


@registered
def softplus(z: Tensor) -> Tensor:
    """Returns log(exp(z) + 1), without overflow."""
    return ops.logaddexp(z, 0.0)


@registered
class GlorotNormal(keras.initializers.Initializer):
    """Initializer whose variance is the inverse of the mean of both dimensions."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        return keras.random.normal(shape, 0.0, (2 / sum(shape)) ** 0.5, dtype)


@registered
class AbsoluteWeights(keras.regularizers.Regularizer):
    """L1 penalty."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, weights: Tensor) -> Tensor:
        return self.factor * ops.sum(ops.abs(weights))

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor}


@registered
class PositiveWeights(keras.constraints.Constraint):
    """Constraint that replaces negative weights by 0."""

    def __call__(self, weights: Tensor) -> Tensor:
        return ops.maximum(weights, 0.0)


modules = {
    "activation": keras.activations,
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}


@registered
class FullyConnected(keras.layers.Layer):
    """Layer with weights. The functions and objects in its config are serialized."""

    def __init__(self, units: int, **arguments: Any) -> None:
        own = {name: module.get(arguments.pop(name, None)) for name, module in modules.items()}
        super().__init__(**arguments)
        self.units, self.own = units, own

    def build(self, input_shape: Shape) -> None:
        options = {name: self.own[name] for name in ("initializer", "regularizer", "constraint")}
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel", **options)
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def call(self, inputs: Tensor) -> Tensor:
        return self.own["activation"](inputs @ self.kernel + self.bias)

    def get_config(self) -> dict[str, Any]:
        own = {name: module.serialize(self.own[name]) for name, module in modules.items()}
        return {**super().get_config(), "units": self.units, **own}


@registered
class Noise(keras.layers.Layer):
    """Layer that depends on `training`. Keras does not save the state of random numbers, so the layer does."""

    def __init__(self, stddev: float, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.stddev = stddev
        self.generator = keras.random.SeedGenerator()

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training:
            return inputs
        return inputs + keras.random.normal(ops.shape(inputs), 0.0, self.stddev, seed=self.generator)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev}

    def save_own_variables(self, store: dict[str, Any]) -> None:
        store["state"] = ops.convert_to_numpy(self.generator.state)

    def load_own_variables(self, store: dict[str, Any]) -> None:
        self.generator.state.assign(store["state"])


@registered
class Combine(keras.layers.Layer):
    """Layer with two inputs, which are broadcast, and three outputs."""

    def call(self, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        first, second = inputs
        return first + second, first * second, first / (1 + second)  # positive inputs may be close to 0


def build_data(config: Config) -> dict[str, Any]:
    """Loads standardized features, and prices of shape (n, 1), which the losses do not broadcast with predictions."""
    splits = load_splits("california_housing")
    mean, deviation = splits["train"][0].mean(axis=0), splits["train"][0].std(axis=0)
    return {split: ((features - mean) / deviation, prices[:, None]) for split, (features, prices) in splits.items()}


def build_model(config: Config) -> keras.Model:
    """Builds two hidden layers side by side, whose sum, product and quotient are the inputs of the output layer."""
    penalty = AbsoluteWeights(config.penalty)
    custom = {"activation": softplus, "initializer": GlorotNormal(), "regularizer": penalty}
    inputs = keras.Input((8,))
    noisy = Noise(config.noise)(inputs)
    parts = Combine()([FullyConnected(config.units, **custom)(noisy) for _ in range(2)])
    output = FullyConnected(1, constraint=PositiveWeights())
    return keras.Model(inputs, output(keras.layers.Concatenate()(parts)))


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with the Huber loss in one of its three forms, and the Nadam optimizer."""
    forms = {"function": huber, "factory": create_huber(config.threshold)}
    return Trainer(
        build_model(config),
        optimizer=keras.optimizers.Nadam(config.learning_rate),
        loss=forms.get(config.loss) or HuberLoss(config.threshold),
        metrics=[MeanHuberError(config.threshold)],
        jit=config.jit,
    )


if __name__ == "__main__":
    run_script(__file__)
