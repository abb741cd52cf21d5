"""Does a Wide & Deep network for California housing prices need two inputs or an auxiliary output?

Data: California housing, 11,610 / 3,870 / 5,160 districts, 8 features, target in 100,000 dollars
Command: tensorsmith run wide_deep/california

Comparison: tensorsmith compare wide_deep/california

With two inputs, the wide input has features 0 to 4 and is connected directly to the main output, and the deep input has
features 2 to 7 (Cheng et al., 2016). A single input has all features, for both parts. The auxiliary output is meant to
regularize the deep part. The subclass of `keras.Model` computes the same numbers as the functional model with an
auxiliary output.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.data import load_splits
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    form: Literal["one_input", "two_inputs", "auxiliary_output", "subclassed"] = "auxiliary_output"  # form of model
    units: tuple[PositiveInt, ...] = (100, 50)  # units of each hidden ReLU layer of the deep part
    learning_rate: PositiveFloat = tune.log_uniform(
        3e-4, 3e-2, default=3e-3
    )  # initial learning rate of Adam, with cosine decay to 0
    auxiliary_weight: ClosedUnitInterval = tune.uniform(
        0.0, 0.5, default=0.1
    )  # weight of the auxiliary loss; the main loss has the remaining weight
    epochs: PositiveInt = 60


SCORE = "test main_mean_squared_error"
ANSWER = """No: the mean squared error is {score[one_input]} with one input, {score[two_inputs]} with two, and
{score[auxiliary_output]} with an auxiliary output as well ({seeds} seeds)."""
SMOKE = {"epochs": 1}
VARIANTS = {form: {"form": form} for form in ("one_input", "two_inputs", "auxiliary_output", "subclassed")}
WIDE, DEEP = slice(0, 5), slice(2, 8)


def build_data(config: Config) -> dict[str, Any]:
    """Loads the standardized features as one or two arrays per split, and the prices as targets of all outputs."""
    splits = load_splits("california_housing")
    mean, deviation = splits["train"][0].mean(axis=0), splits["train"][0].std(axis=0)

    def inputs_and_targets(features: Any, prices: Any) -> tuple[Any, dict[str, Any]]:
        features = (features - mean) / deviation
        inputs = {"wide": features[:, WIDE], "deep": features[:, DEEP]}
        return features if config.form == "one_input" else inputs, dict.fromkeys(outputs(config), prices)

    return {split: inputs_and_targets(*part) for split, part in splits.items()}


def outputs(config: Config) -> list[str]:
    """Returns the names of the outputs: both parts together (`main`) and, optionally, the deep part only (`aux`)."""
    return ["main"] if config.form in ("one_input", "two_inputs") else ["main", "aux"]


@keras.saving.register_keras_serializable(package="recipes")
class WideAndDeepModel(keras.Model):
    """Model with an auxiliary output, as a subclass of `keras.Model`."""

    def __init__(self, units: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.hidden = [keras.layers.Dense(each, "relu", kernel_initializer="he_normal") for each in units]
        self.main, self.aux = keras.layers.Dense(1, name="main"), keras.layers.Dense(1, name="aux")

    def build(self, input_shape: dict[str, Shape]) -> None:
        wide, deep = input_shape["wide"], input_shape["deep"]
        for layer in self.hidden:
            layer.build(deep)
            deep = (*deep[:-1], layer.units)
        self.main.build((*wide[:-1], wide[-1] + deep[-1]))
        self.aux.build(deep)
        self.built = True

    def call(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        hidden = inputs["deep"]
        for layer in self.hidden:
            hidden = layer(hidden)
        wide_and_deep = keras.ops.concatenate([inputs["wide"], hidden], axis=-1)
        return {"main": self.main(wide_and_deep), "aux": self.aux(hidden)}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def build_model(config: Config) -> keras.Model:
    """Builds a model of the chosen form. With one input, it is the input of both parts."""
    if config.form == "subclassed":
        return subclassed_model(config)
    if config.form == "one_input":
        inputs = wide = deep = keras.Input((8,))
    else:
        wide, deep = keras.Input((5,), name="wide"), keras.Input((6,), name="deep")
        inputs = {"wide": wide, "deep": deep}
    hidden = deep
    for units in config.units:
        hidden = keras.layers.Dense(units, "relu", kernel_initializer="he_normal")(hidden)
    main = keras.layers.Dense(1, name="main")(keras.layers.Concatenate()([wide, hidden]))
    if "aux" not in outputs(config):
        return keras.Model(inputs, {"main": main})
    return keras.Model(inputs, {"main": main, "aux": keras.layers.Dense(1, name="aux")(hidden)})


def subclassed_model(config: Config) -> keras.Model:
    """Builds the model with an auxiliary output as an instance of a subclass of `keras.Model`."""
    model = WideAndDeepModel(config.units)
    model.build({"wide": (None, 5), "deep": (None, 6)})
    return model


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer that minimizes the mean squared error, or the weighted sum of the errors of both outputs."""
    names = outputs(config)
    # Keras adds the name of the output to the name of the metric if there are several outputs.
    metric = "mean_squared_error" if len(names) > 1 else "main_mean_squared_error"
    weights = {"main": 1 - config.auxiliary_weight, "aux": config.auxiliary_weight}
    return Trainer(
        build_model(config),
        optimizer=keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%")),
        loss=dict.fromkeys(names, "mean_squared_error"),
        loss_weights=weights if len(names) > 1 else None,
        metrics={name: [keras.metrics.MeanSquaredError(metric)] for name in names},
        jit=config.jit,
    )


if __name__ == "__main__":
    run_script(__file__)
