"""Which network classifies the sentiment of sentences best, and does an encoder of longer reviews help?

Data: 10,043 sentences of movie reviews that are not neutral, 8,141 / 949 / 953 (MIT)
Command: tensorsmith run sentiment/sentences

Comparison: tensorsmith compare sentiment/sentences --parallel 2

`mean` is the mean of the embeddings times the square root of the number of words, `gru` a bidirectional GRU with the
mask of the embeddings, `masked_gru` the same with an explicit mask, `attention` a weighted mean of the outputs of a
GRU. `module` is the encoder of sentiment/reviews, exported as a SavedModel, the format of TensorFlow Hub modules, and
fine-tuned. Baseline: logistic regression on TF-IDF features of words and pairs of words. The sentences stand in for the
reviews of IMDb, which are in no package registry.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import tensorsmith.tuning as tune
from tensorsmith.data import fetch, load
from tensorsmith.layers import GRU, HubLayer
from tensorsmith.models import text_classifier
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.text import WordTokenizer
from tensorsmith.training import Trainer, export_once

Name = Literal["mean", "gru", "masked_gru", "convolution", "attention", "module"]


@dataclass(frozen=True)
class Config(TrainingSettings):
    network: Name = "mean"  # network, see above
    words: PositiveInt = 10_000  # number of words in the vocabulary
    embedding: PositiveInt = 64  # dimension of the embeddings
    units: PositiveInt = 64  # units of the GRU layers in each direction, or filters
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.7, default=0.5)  # dropout rate of embeddings and features
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=1e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 5
    batch_size: PositiveInt = 32
    train_size: PositiveInt | None = None  # number of training sentences; null for all of them
    jit: bool | Literal["auto", "measure"] = False  # compile the training loop with XLA, which modules do not support


SCORE = "test accuracy"
ANSWER = """The accuracies are {ranking} ({seeds} seeds), compared with {run[test logistic_accuracy]} for logistic
regression on TF-IDF features."""
SMOKE = {"network": "attention", "epochs": 1, "train_size": 640, "words": 500, "units": 4, "embedding": 8}
VARIANTS = {name: {"network": name} for name in Name.__args__}
GRID = {"learning_rate": (1e-3, 3e-3)}
LENGTH = 40  # words of a sentence that are used; few have more


def load_sentences(config: Config, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Loads strings, and labels that are 1 for a positive rating. Ratings from -0.5 to 0.5 are left out."""
    data = load("movie_reviews", split=split)
    clear = np.abs(data.labels) > 0.5
    limit = config.train_size if split == "train" else None
    return data.features[clear][:limit], (data.labels[clear] > 0)[:limit].astype(np.float32)


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains the tokenizer, or the encoder of sentiment/reviews."""
    if config.network == "module":
        model = run.trained("sentiment/reviews")
        return {"encoder": keras.Model(model.input, model.get_layer("features").output)}
    return {"tokenizer": WordTokenizer.train(load_sentences(config, "train")[0], limit=config.words)}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads tokens of shape (n, 40), padded with 0, or strings for the module, and labels."""
    splits = {split: load_sentences(config, split) for split in ("train", "validation", "test")}
    if config.network == "module":
        return splits
    encode = prepared["tokenizer"].encode
    return {split: (encode(x).to_tensor(shape=(None, LENGTH)).numpy(), y) for split, (x, y) in splits.items()}


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds embeddings or the module, the layers of the network, and a sigmoid output."""
    layers = keras.layers
    if config.network == "module":
        folder = export_once(prepared["encoder"], fetch("movie_reviews"))
        inputs = keras.Input((), dtype="string")
        features = HubLayer(folder, trainable=True)(inputs)
    else:
        size, options = prepared["tokenizer"].size, {"dropout": config.dropout, "steps": LENGTH}
        if config.network in ("mean", "gru", "convolution"):
            return text_classifier(size, 1, config.embedding, config.network, config.units, **options)
        inputs = keras.Input((LENGTH,), dtype="int32")
        features = _features(config, inputs, size)
    outputs = layers.Dense(1, "sigmoid")(layers.Dropout(config.dropout)(features))
    return keras.Model(inputs, outputs)


def _features(config: Config, inputs: keras.KerasTensor, size: int) -> keras.KerasTensor:
    """Returns one vector for each sentence."""
    layers = keras.layers
    x = layers.Embedding(size, config.embedding, mask_zero=config.network == "attention")(inputs)
    x = layers.SpatialDropout1D(config.dropout)(x)
    mask = keras.ops.not_equal(inputs, 0)
    if config.network == "masked_gru":
        return layers.Bidirectional(GRU(config.units))(x, mask=mask)
    states = layers.Bidirectional(GRU(config.units, return_sequences=True))(x)
    scores = layers.Dense(1)(layers.Dense(config.units, "tanh")(states))[..., 0]
    return layers.Dot(axes=1)([layers.Softmax()(scores, mask=mask), states])


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss and the Adam optimizer."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config, prepared), optimizer, "binary_crossentropy", ["accuracy"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the accuracy of logistic regression, whose regularization is chosen with the validation sentences."""
    (train, y), validation, test = (load_sentences(config, split) for split in ("train", "validation", "test"))
    features = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    x = features.fit_transform(train)
    models = [LogisticRegression(C=strength, max_iter=1000).fit(x, y) for strength in (0.3, 1, 3, 10, 30)]
    scores = [model.score(features.transform(validation[0]), validation[1]) for model in models]
    best = models[int(np.argmax(scores))]
    return {"test": {"logistic_accuracy": best.score(features.transform(test[0]), test[1])}}


if __name__ == "__main__":
    run_script(__file__)
