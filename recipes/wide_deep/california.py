"""California housing prices with a Wide & Deep network and an auxiliary output that regularizes the deep part.

Data: California housing, 11,610 / 3,870 / 5,160 districts, 8 features, target in 100,000 dollars
Command: tensorsmith run wide_deep/california
Score: test main_mean_squared_error 0.309
Seconds: 12 on 2 cores
Seed: 0

The wide input has features 0 to 4 and is connected directly to the main output; the deep input has features 2 to 7
(Cheng et al., 2016).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from jsonargparse.typing import ClosedUnitInterval, NonNegativeInt, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune

if TYPE_CHECKING:
    import keras

    from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config:
    """Recipe settings."""

    units: tuple[PositiveInt, ...] = (100, 50)  # units of each hidden ReLU layer of the deep part
    learning_rate: PositiveFloat = tune.log_uniform(
        3e-4, 3e-2, default=3e-3
    )  # initial learning rate of Adam, with cosine decay to 0
    auxiliary_weight: ClosedUnitInterval = tune.uniform(
        0.0, 0.5, default=0.1
    )  # weight of the auxiliary loss; the main loss has the remaining weight
    epochs: PositiveInt = 60  # passes over the training set
    batch_size: PositiveInt = 32  # examples per step
    jit: bool | Literal["auto", "measure"] = "auto"  # XLA for the training loop: true, false, auto or measure
    seed: NonNegativeInt = 0  # random seed of initial weights and shuffling


SMOKE = {"epochs": 1}
WIDE, DEEP = slice(0, 5), slice(2, 8)


def build_data(config: Config) -> dict[str, Any]:
    """Loads two standardized input arrays per split, and the prices as targets of both outputs."""
    from tensorsmith.data import load

    parts = {split: load("california_housing", split=split) for split in ("train", "validation", "test")}
    mean, deviation = parts["train"].features.mean(axis=0), parts["train"].features.std(axis=0)

    def inputs_and_targets(part: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        features = (part.features - mean) / deviation
        return {"wide": features[:, WIDE], "deep": features[:, DEEP]}, {"main": part.labels, "aux": part.labels}

    return {split: inputs_and_targets(part) for split, part in parts.items()}


def build_model(config: Config) -> "keras.Model":
    """Builds a model with an output of both parts (`main`) and an output of the deep part only (`aux`)."""
    import keras

    wide, deep = keras.Input((5,), name="wide"), keras.Input((6,), name="deep")
    hidden = deep
    for units in config.units:
        hidden = keras.layers.Dense(units, "relu", kernel_initializer="he_normal")(hidden)
    main = keras.layers.Dense(1, name="main")(keras.layers.Concatenate()([wide, hidden]))
    aux = keras.layers.Dense(1, name="aux")(hidden)
    return keras.Model({"wide": wide, "deep": deep}, {"main": main, "aux": aux})


def build_trainer(config: Config) -> "Trainer":
    """Builds a trainer that minimizes the weighted sum of the mean squared errors of both outputs."""
    import keras

    from tensorsmith.schedules import CosineDecay
    from tensorsmith.training import Trainer

    return Trainer(
        build_model(config),
        optimizer=keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%")),
        loss={"main": "mean_squared_error", "aux": "mean_squared_error"},
        loss_weights={"main": 1 - config.auxiliary_weight, "aux": config.auxiliary_weight},
        metrics={"main": ["mean_squared_error"], "aux": ["mean_squared_error"]},
        jit=config.jit,
    )


if __name__ == "__main__":
    from tensorsmith.recipes import run_script

    run_script(__file__)
