"""Do a pretrained language model and the steps of ULMFiT improve the classification of sentences with few labels?

Data: 10,043 sentences of movie reviews that are not neutral, 1,000 of 8,141 / 949 / 953 (MIT)
Command: tensorsmith run text/ulmfit

Comparison: tensorsmith compare text/ulmfit --parallel 2

The steps are those of ULMFiT (Howard and Ruder, 2018). The language model of `text/language_model` is trained on
reviews of clothing, then on the sentences without their labels, and then as a classifier of 1,000 labeled sentences.
The classifier reads the features of the last token, and the maximum and mean of the features of all tokens. Learning
rates rise and fall. Lower groups of layers have lower rates, and are frozen at first. `lstm` has an LSTM layer, and
`gpt` Transformer blocks (Radford et al., 2018). The variants from scratch start with random weights, and all their
layers have the same rate. The peak learning rate of each variant is chosen on validation data.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from keras import ops

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.optimizers import AdamW, MultiOptimizer
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import Join, Linear, Warmup
from tensorsmith.text import BytePairTokenizer
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    network: Literal["lstm", "gpt"] = "lstm"  # network of the language model
    pretrained: bool = True  # if false, start with random weights
    factor: PositiveFloat = 1.6  # ratio of the learning rates of one group of layers and the next lower one
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.6, default=0.5)  # dropout rate before the classifier
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=3e-3)  # peak rate of the classifier
    epochs: PositiveInt = 12
    batch_size: PositiveInt = 32
    train_size: PositiveInt | None = 1_000  # number of labeled sentences for training; null for all of them
    pretraining: dict[str, int] | None = None  # fields of text/language_model that differ from the defaults


SCORE = "test accuracy"
ANSWER = """With 1,000 labeled sentences, the accuracy of an LSTM is {score[lstm]} with the steps of ULMFiT,
{score[lstm equal rates]} with equal learning rates and {score[lstm from scratch]} without pretraining. That of a GPT is
{score[gpt]}, {score[gpt equal rates]} and {score[gpt from scratch]} ({seeds} seeds)."""
SMOKE = {
    "epochs": 1,
    "train_size": 640,
    "pretraining": {"epochs": 1, "train_size": 60, "pieces": 300, "context": 48, "features": 96},
}
VARIANTS = {
    "lstm": {},
    "lstm equal rates": {"factor": 1.0},
    "lstm from scratch": {"pretrained": False},
    "gpt": {"network": "gpt"},
    "gpt equal rates": {"network": "gpt", "factor": 1.0},
    "gpt from scratch": {"network": "gpt", "pretrained": False},
}
GRID = {"learning_rate": (1e-3, 3e-3)}
LENGTH = 48  # tokens of a sentence that are used; few have more


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains the language model, which all seeds share, and the same tokenizer as in text/language_model."""
    fields = config.pretraining or {}
    adaptation = {"adapted": True, "epochs": 4, "learning_rate": 2e-3}
    model = run.trained("text/language_model", seed=0, network=config.network, **(adaptation | fields))
    texts = [load(name, split="train").features for name in ("clothing_reviews", "movie_reviews")]
    tokenizer = BytePairTokenizer.train(np.concatenate(texts).tolist(), True, fields.get("pieces", 3_000))
    features = model.get_layer("normalization").output if config.network == "gpt" else model.get_layer("logits").input
    return {"encoder": keras.Model(model.input, features), "tokenizer": tokenizer}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads tokens of shape (n, 48), padded with 0, and labels that are 1 for a positive rating."""
    splits, tokenizer = {}, prepared["tokenizer"]
    for split in ("train", "validation", "test"):
        data = load("movie_reviews", split=split)
        clear = np.flatnonzero(np.abs(data.labels) > 0.5)[: config.train_size if split == "train" else None]
        rows = tokenizer.encode(data.features[clear].tolist())[:, : LENGTH - 1].to_list()
        tokens = np.array([[tokenizer.start, *row] + [0] * (LENGTH - 1 - len(row)) for row in rows], "int32")
        splits[split] = tokens, (data.labels[clear] > 0).astype("float32")
    return splits


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds a classifier of the last features, their maximum and their mean."""
    encoder = prepared["encoder"] if config.pretrained else keras.models.clone_model(prepared["encoder"])
    tokens, features = encoder.input, encoder.output
    mask = ops.cast(ops.not_equal(tokens, 0), features.dtype)[..., None]
    number = ops.sum(mask, axis=1)
    last = ops.take_along_axis(features, ops.cast(number, "int32")[:, None] - 1, axis=1)[:, 0]
    largest = ops.max(features - 1e4 * (1 - mask), axis=1)
    pooled = ops.concatenate([last, largest, ops.sum(features * mask, axis=1) / number], axis=-1)
    pooled = keras.layers.BatchNormalization(name="pooled_normalization")(pooled)
    pooled = keras.layers.Dropout(config.dropout, name="classifier_dropout")(pooled)
    hidden = keras.layers.Dense(50, "relu", name="hidden")(pooled)
    return keras.Model(tokens, keras.layers.Dense(1, "sigmoid", name="probability")(hidden))


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss, and AdamW with a learning rate for each group of layers."""
    model = build_model(config, prepared)
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    head = [layers.pop(name) for name in ("pooled_normalization", "hidden", "probability")]
    lowest = [layer for name, layer in layers.items() if name.startswith(("embedding", "positions"))]
    groups = [head, [layer for layer in layers.values() if layer not in lowest], lowest]
    pairs = []
    for number, group in enumerate(groups):
        start, rate = 10 * number, config.learning_rate / config.factor**number
        if not config.pretrained:
            start, rate = 0, config.learning_rate
        schedule = Warmup(Linear(rate, 0.0, f"{90 - start}%"), "10%")
        schedule = Join([0.0, schedule], [f"{start}%"]) if start else schedule
        pairs.append((AdamW(schedule, weight_decay=0.01, global_clipnorm=1.0), group))
    return Trainer(model, MultiOptimizer(pairs), "binary_crossentropy", ["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
