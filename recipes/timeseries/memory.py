"""How many steps back do recurrent networks and WaveNet remember?

Data: generated sequences of noise, whose first value has the sign to remember; 4,000 / 1,000 / 1,000
Command: tensorsmith run timeseries/memory

Comparison: tensorsmith compare timeseries/memory --parallel 2

The first value is -1 or 1, all others are drawn from a normal distribution with a standard deviation of 0.5. The
networks classify the sign of the first value after the last step, for which chance is an accuracy of 0.5.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.layers import GRU, LSTM, SimpleRNN
from tensorsmith.models import wavenet
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    network: Literal["rnn", "lstm", "gru", "wavenet"] = "gru"  # network
    steps: PositiveInt = 100  # length of the sequences
    units: PositiveInt = 16  # units of the recurrent layer, and filters of WaveNet
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 3e-2, default=5e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 10
    batch_size: PositiveInt = 32  # sequences per step
    sizes: tuple[PositiveInt, PositiveInt, PositiveInt] = (4000, 1000, 1000)  # training, validation and test sequences


SCORE = "test accuracy"
ANSWER = """After 20, 50, 100 and 200 steps, the accuracy is {score[rnn_20]}, {score[rnn_50]}, {score[rnn_100]} and
{score[rnn_200]} for SimpleRNN, {score[lstm_20]}, {score[lstm_50]}, {score[lstm_100]} and {score[lstm_200]} for LSTM,
{score[gru_20]}, {score[gru_50]}, {score[gru_100]} and {score[gru_200]} for GRU, and {score[wavenet_20]},
{score[wavenet_50]}, {score[wavenet_100]} and {score[wavenet_200]} for WaveNet ({seeds} seeds). Contrary to expectation,
LSTM and GRU are at chance from 50 steps on, and SimpleRNN remembers longer; all networks have the same learning rate,
which was not tuned for any of them."""
SMOKE = {"epochs": 1, "steps": 20, "units": 8, "sizes": (640, 200, 200)}
VARIANTS = {
    f"{network}_{steps}": {"network": network, "steps": steps}
    for steps in (100, 20, 50, 200)
    for network in ("gru", "lstm", "rnn", "wavenet")
}


def build_data(config: Config) -> dict[str, Any]:
    """Generates sequences of shape (n, steps, 1), and 1 if the first value is positive, otherwise 0."""
    data = {}
    for seed, (split, size) in enumerate(zip(("train", "validation", "test"), config.sizes, strict=True)):
        rng = np.random.default_rng((config.seed, seed))
        labels = rng.integers(0, 2, (size, 1))
        noise = 0.5 * rng.standard_normal((size, config.steps - 1))
        data[split] = np.hstack([2 * labels - 1, noise])[..., None].astype("float32"), labels
    return data


def build_model(config: Config) -> keras.Model:
    """Builds a network whose output after the last step is a probability."""
    inputs = keras.Input((config.steps, 1))
    if config.network == "wavenet":
        x = wavenet("original", (config.steps, 1), config.units, config.units, blocks=1)(inputs)[:, -1]
    else:
        kinds = {"rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}
        x = kinds[config.network](config.units)(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(x))


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with binary cross-entropy loss, and Adam with a clipped gradient."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"), global_clipnorm=1.0)
    return Trainer(build_model(config), optimizer, "binary_crossentropy", ["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
