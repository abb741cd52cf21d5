"""Does pretraining on unlabeled reviews improve the classification of sentences of which few have labels?

Data: 10,043 sentences of movie reviews that are not neutral, 1,000 of 8,141 / 949 / 953 (MIT)
Command: tensorsmith run transformer/fine_tuning

Comparison: tensorsmith compare transformer/fine_tuning --seeds 5 --parallel 2

`pretrained` continues with the weights of `transformer/bert`, which has seen the training sentences without their
labels, and `scratch` starts with random weights. Both learn the sentiment from 1,000 labeled sentences. The classifier
reads the mean of the features of all tokens. The learning rate of each variant is chosen on validation data.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.text import BytePairTokenizer
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    weights: Literal["pretrained", "scratch"] = "pretrained"  # initial weights of the encoder
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.6, default=0.3)  # dropout rate before the classifier
    learning_rate: PositiveFloat = tune.log_uniform(1e-4, 3e-3, default=1e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 12
    batch_size: PositiveInt = 32
    train_size: PositiveInt | None = 1_000  # number of labeled sentences for training; null for all of them
    pretraining: dict[str, int] | None = None  # fields of transformer/bert that differ from the defaults


SCORE = "test accuracy"
ANSWER = """With 1,000 labeled sentences, the accuracy is {score[pretrained]} with pretraining and {score[scratch]}
without it ({seeds} seeds). The gain is {gain[pretrained]}."""
SMOKE = {
    "epochs": 1,
    "train_size": 320,
    "pretraining": {"epochs": 1, "train_size": 100, "pieces": 300, "context": 48, "blocks": 1},
}
VARIANTS = {name: {"weights": name} for name in ("scratch", "pretrained")}
GRID = {"learning_rate": (3e-4, 1e-3)}
LENGTH = 48  # tokens of a sentence that are used; few have more


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains the encoder, which all seeds share, and the same tokenizer as in transformer/bert."""
    fields = config.pretraining or {}
    model = run.trained("transformer/bert", seed=0, **fields)
    texts = [load(name, split="train").features for name in ("clothing_reviews", "movie_reviews")]
    tokenizer = BytePairTokenizer.train(np.concatenate(texts).tolist(), True, fields.get("pieces", 3_000))
    inputs = {name: model.input[name] for name in ("tokens", "segments")}
    return {"encoder": keras.Model(inputs, model.get_layer("final_normalization").output), "tokenizer": tokenizer}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads tokens of shape (n, 48), padded with 0, their segments, and labels that are 1 for a positive rating."""
    tokenizer = prepared["tokenizer"]

    def sentences(split: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
        data = load("movie_reviews", split=split)
        clear = np.flatnonzero(np.abs(data.labels) > 0.5)[: config.train_size if split == "train" else None]
        pieces = tokenizer.encode(data.features[clear].tolist())[:, : LENGTH - 2].to_list()
        rows = [[tokenizer.start, *row, tokenizer.end] for row in pieces]
        tokens = np.array([row + [0] * (LENGTH - len(row)) for row in rows], "int32")
        return {"tokens": tokens, "segments": np.zeros_like(tokens)}, (data.labels[clear] > 0).astype("float32")

    return {split: sentences(split) for split in ("train", "validation", "test")}


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds a classifier of the mean of the features."""
    encoder = prepared["encoder"]
    if config.weights == "scratch":
        encoder = keras.models.clone_model(encoder)
    inputs = {name: keras.Input((LENGTH,), dtype="int32", name=name) for name in ("tokens", "segments")}
    features = keras.layers.GlobalAveragePooling1D()(encoder(inputs), mask=keras.ops.not_equal(inputs["tokens"], 0))
    features = keras.layers.Dropout(config.dropout)(features)
    return keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(features))


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss, and AdamW with warm-up, cosine decay and a clipped gradient."""
    optimizer = AdamW(Warmup(CosineDecay(config.learning_rate, "90%"), "10%"), weight_decay=0.01, global_clipnorm=1.0)
    return Trainer(build_model(config, prepared), optimizer, "binary_crossentropy", ["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
