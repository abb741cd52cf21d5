"""Which words decide the sentiment of a sentence? Attention, occlusion and LIME explain a Transformer.

Data: 10,043 sentences of movie reviews that are not neutral, 8,141 / 949 / 953 (MIT)
Command: tensorsmith run transformer/explain
Figure: words.png

Attention is the weight of a word for the token from which the sentiment is predicted, occlusion the decrease of the
probability when the word is hidden, and LIME (Ribeiro et al., 2016) the coefficient of a ridge regression for sentences
in which random words are hidden. A hidden word is replaced by the unknown word, so that the others keep their
positions. The scores are the mean decreases of the probability of the predicted class when the three most important
words are hidden; `random_drop` is that of random words.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from matplotlib.figure import Figure
from sklearn.linear_model import Ridge

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.models import bert
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.text import WordTokenizer
from tensorsmith.training import Trainer

Predict = Callable[[list[list[int]]], np.ndarray]


@dataclass(frozen=True)
class Config(TrainingSettings):
    words: PositiveInt = 10_000  # number of words in the vocabulary
    blocks: PositiveInt = 1  # number of Transformer blocks
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.6, default=0.3)  # dropout rate of embeddings, blocks and features
    learning_rate: PositiveFloat = tune.log_uniform(1e-4, 3e-3, default=1e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 4
    batch_size: PositiveInt = 32
    train_size: PositiveInt | None = None  # number of training sentences; null for all of them
    explained: PositiveInt = 200  # number of sentences that are explained
    samples: PositiveInt = 300  # number of sentences with random words for LIME


SCORE = "test lime_drop"
ANSWER = """When the three words that LIME finds most important are hidden, the probability of the predicted class
decreases by {run[test lime_drop]}, for occlusion by {run[test occlusion_drop]}, for attention by
{run[test attention_drop]}, and for random words by {run[test random_drop]}. The accuracy of the model is
{run[test accuracy]}."""
SMOKE = {"epochs": 1, "train_size": 640, "words": 500, "explained": 5, "samples": 20}
LENGTH, HIDDEN = 40, 3  # words of a sentence that are used, and words that are hidden


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains the tokenizer."""
    return {"tokenizer": WordTokenizer.train(load("movie_reviews", split="train").features, limit=config.words)}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads tokens of sentences with a start token, and labels that are 1 for a positive rating."""
    data = {}
    for split in ("train", "validation", "test"):
        found = load("movie_reviews", split=split)
        clear = np.flatnonzero(np.abs(found.labels) > 0.5)[: config.train_size if split == "train" else None]
        rows = prepared["tokenizer"].encode(found.features[clear].tolist())[:, :LENGTH].to_list()
        data[split] = inputs_of(rows, prepared["tokenizer"]), (found.labels[clear] > 0).astype("float32")
    return data


def inputs_of(rows: list[list[int]], tokenizer: WordTokenizer) -> dict[str, np.ndarray]:
    """Returns the inputs of the model: padded tokens after a start token, and segments."""
    tokens = np.full((len(rows), LENGTH + 1), tokenizer.padding, "int32")
    for target, row in zip(tokens, rows, strict=True):
        target[: len(row) + 1] = [tokenizer.start, *row]
    return {"tokens": tokens, "segments": np.zeros_like(tokens)}


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds a Transformer that classifies the features of the start token."""
    size = prepared["tokenizer"].size
    options = {"blocks": config.blocks, "dropout": config.dropout, "normalize_first": True}
    encoder = bert("tiny", size, LENGTH + 1, **options)
    features = keras.layers.Dropout(config.dropout)(encoder.output["pooled"])
    return keras.Model(encoder.input, keras.layers.Dense(1, "sigmoid", name="sentiment")(features))


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss, and AdamW with warm-up and cosine decay."""
    rate = Warmup(CosineDecay(config.learning_rate, "90%"), "10%")
    optimizer = AdamW(rate, weight_decay=0.01, global_clipnorm=1.0)
    return Trainer(build_model(config, prepared), optimizer, "binary_crossentropy", ["accuracy"], jit=config.jit)


def attention_weights(config: Config, model: keras.Model, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the weights of the words for the start token in the last block, as the mean over the heads."""
    name = f"block_{config.blocks - 1}_attention"
    x = keras.Model(model.input, model.get_layer(f"{name}_normalization").output)(inputs)
    visible = inputs["tokens"] > 0
    _, weights = model.get_layer(name)(x, x, value_mask=visible, return_attention_scores=True)
    return tf.reduce_mean(weights[:, :, 0, 1:], axis=1).numpy()


def hidden(row: list[int], words: Collection[int], unknown: int) -> list[int]:
    """Returns a sentence in which the words at some positions are unknown."""
    return [unknown if position in words else word for position, word in enumerate(row)]


def occlude(predict: Predict, row: list[int], unknown: int) -> np.ndarray:
    """Returns by how much the probability of a positive sentiment decreases when each word is hidden."""
    return predict([row])[0] - predict([hidden(row, [word], unknown) for word in range(len(row))])


def lime(predict: Predict, row: list[int], unknown: int, generator: np.random.Generator, samples: int) -> np.ndarray:
    """Returns the coefficients of a linear model of the probability, in which words are visible or not.

    As in the library of the authors, random numbers of words are hidden, and the weight of a sentence decreases with
    its cosine distance from the original one.
    """
    visible = np.ones((samples, len(row)))
    for each in visible[1:]:
        each[generator.choice(len(row), generator.integers(1, len(row) + 1), replace=False)] = 0
    distances = 100 * (1 - np.sqrt(visible.mean(axis=1)))
    weights = np.exp(-0.5 * (distances / 25) ** 2)
    probabilities = predict([hidden(row, np.flatnonzero(each == 0), unknown) for each in visible])
    return Ridge(alpha=1.0).fit(visible, probabilities, weights).coef_


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the decreases of the probability for each kind of explanation, and draws some explanations."""
    model, tokenizer = trainer.model, run.prepared["tokenizer"]
    unknown = tokenizer.unknown
    call = tf.function(model, reduce_retracing=True)
    generator = np.random.default_rng(config.seed)

    def predict(rows: list[list[int]]) -> np.ndarray:
        return call(inputs_of(rows, tokenizer))[:, 0].numpy()

    scores = {}
    for split in ("validation", "test"):
        inputs = {name: values[: config.explained] for name, values in data[split][0].items()}
        drops, explained = {name: [] for name in ("attention", "occlusion", "lime", "random")}, []
        for tokens, weights in zip(inputs["tokens"], attention_weights(config, model, inputs), strict=True):
            row = tokens[1 : np.count_nonzero(tokens)].tolist()
            sign = 1 if predict([row])[0] > 0.5 else -1
            importance = {
                "attention": weights[: len(row)],
                "occlusion": sign * occlude(predict, row, unknown),
                "lime": sign * lime(predict, row, unknown, generator, config.samples),
                "random": generator.random(len(row)),
            }
            for name, values in importance.items():
                before, after = predict([row, hidden(row, np.argsort(-values)[:HIDDEN], unknown)])
                drops[name].append(sign * float(before - after))
            explained.append((tokenizer.decode(row).split(), importance))
        scores[split] = {f"{name}_drop": float(np.mean(values)) for name, values in drops.items()}
    draw(run, explained[:4])
    return scores


def draw(run: RecipeRun, explained: list[tuple[list[str], dict[str, np.ndarray]]]) -> None:
    """Draws the importance of the words of some sentences, relative to the greatest one of each explanation."""
    figure = Figure(figsize=(12, 2.6 * len(explained)), layout="constrained")
    for axis, (words, importance) in zip(np.ravel(figure.subplots(len(explained), 1)), explained, strict=True):
        rows = {name: values / np.abs(values).max() for name, values in importance.items() if name != "random"}
        axis.imshow(np.stack(list(rows.values())), "RdBu_r", vmin=-1, vmax=1, aspect="auto")
        axis.set_xticks(range(len(words)), words, rotation=45, ha="right")
        axis.set_yticks(range(len(rows)), rows)
    run.save_figure(figure, "words.png")


if __name__ == "__main__":
    run_script(__file__)
