"""Classification of reviews of clothing with a bidirectional GRU layer, from strings.

Data: 22,641 reviews of women's clothing with text, 18,639 / 2,002 / 2,000 (license not stated)
Command: tensorsmith run sentiment/reviews

The model splits strings into words, so that `model.predict(tf.constant(["I love this dress."]))` returns the
probability that the reviewer recommends the product. To train it on other texts, change `load_reviews`. The reviews of
clothing stand in for the film reviews of IMDb, which are in no package registry.
"""

from dataclasses import dataclass
from typing import Any

import keras
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.data.preprocessing import split_words
from tensorsmith.layers import GRU
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    words: PositiveInt = 10_000  # number of words in the vocabulary, including padding and unknown words
    embedding: PositiveInt = 64  # dimension of the embeddings
    units: PositiveInt = 32  # units of the GRU layer in each direction
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.6, default=0.5)  # dropout rate of embeddings and features
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=2e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 4
    batch_size: PositiveInt = 64
    train_size: PositiveInt | None = None  # number of training reviews; null for all of them


SCORE = "test auc"
SMOKE = {"epochs": 1, "train_size": 640, "words": 500, "units": 4, "embedding": 8}


def load_reviews(config: Config) -> dict[str, Any]:
    """Loads strings and labels, which are 1 if the reviewer recommends the product, for each split."""
    return load_splits("clothing_reviews", train_size=config.train_size)


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Builds a model that maps strings to the numbers of their words, in the order of frequency."""
    numbers = keras.layers.TextVectorization(config.words, standardize=None, split=split_words)
    numbers.adapt(load_reviews(config)["train"][0].tolist())
    return {"numbers": keras.Sequential([keras.Input((), dtype="string"), numbers])}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads the reviews."""
    return load_reviews(config)


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds embeddings, a bidirectional GRU layer that ignores padding, and a sigmoid output."""
    inputs = keras.Input((), dtype="string")
    words = prepared["numbers"](inputs)
    x = keras.layers.Embedding(config.words, config.embedding, mask_zero=True)(words)
    x = keras.layers.SpatialDropout1D(config.dropout)(x)
    features = keras.layers.Bidirectional(GRU(config.units), name="features")(x)
    outputs = keras.layers.Dense(1, "sigmoid")(keras.layers.Dropout(config.dropout)(features))
    return keras.Model(inputs, outputs)


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss and the Adam optimizer."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    metrics = ["accuracy", keras.metrics.AUC(name="auc")]
    return Trainer(build_model(config, prepared), optimizer, "binary_crossentropy", metrics, jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
