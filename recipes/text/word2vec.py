"""Word vectors of Shakespeare, from the words around each word.

Data: 42 works of Shakespeare, 5.06 million characters, 90 / 5 / 5 (CC-BY-2.5)
Command: tensorsmith run text/word2vec

Skip-grams with negative sampling (Mikolov et al., 2013): the model tells a word in the context of another one from five
random words. The score is the fraction of words in a context that it rates highest, 1/6 by chance. Analogies such as
"man is to king as woman is to queen" are solved by the word whose vector is closest to king - man + woman, apart from
these three. `analogies` is the fraction of 380 analogies whose solution is among the five closest words, and
`neighbors` that among the five words closest to "woman". `words.txt` in the run folder contains neighbors and
analogies, `words.png` shows the principal components of some vectors, and `tensorboard --logdir RUN` all vectors under
"Projector".
Figure: words.png
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice, permutations
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

import tensorsmith.tuning as tune
from tensorsmith.core.types import Tensor
from tensorsmith.data import load
from tensorsmith.data.pipelines import map_with_seed
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.text import WordTokenizer, skip_gram_sample
from tensorsmith.training import Trainer
from tensorsmith.training.callbacks import write_projector


@dataclass(frozen=True)
class Config(TrainingSettings):
    words: PositiveInt = 8_000  # number of words in the vocabulary
    dimension: PositiveInt = 64  # dimension of the vectors
    window: PositiveInt = 5  # largest distance of a context word
    subsampling: PositiveFloat = 1e-3  # fraction of the text above which occurrences of a word are left out at random
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 2e-2, default=5e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 2
    batch_size: PositiveInt = 1_024  # skip-grams per step
    train_characters: PositiveInt = 4_551_552  # length of the training text


SCORE = "test accuracy"
ANSWER = """The model tells the word of the context from random words with an accuracy of {run[test accuracy]}. For
{run[test analogies]} of the analogies, the solution is among the five words that are closest to the sum of the vectors,
compared with {run[test neighbors]} for the five neighbors of the third word."""
SMOKE = {"epochs": 1, "train_characters": 50_000, "words": 500, "dimension": 8}
NEGATIVES = 5
NEIGHBORS = "king", "love", "sword", "night", "sea", "father", "france", "crown"
ANALOGIES = ("man king woman", "king queen lord", "father mother brother", "husband wife son", "he his she")
PAIRS = (
    "man woman, king queen, father mother, brother sister, son daughter, husband wife, lord lady, uncle aunt, "
    "prince princess, he she, his her, himself herself, boy girl, sir madam, nephew niece, lords ladies, "
    "sons daughters, brothers sisters, men women, duke duchess"
)
SHOWN = "king queen prince duke lord lady father mother son daughter brother sister sun moon night day sea wind sword"


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains the tokenizer."""
    text = load("shakespeare", split="train").features[: config.train_characters]
    return {"tokenizer": WordTokenizer.train(text, limit=config.words)}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads batches of words, and candidates: a word of the context, which is the target 0, and random words."""
    tokenizer = prepared["tokenizer"]
    text = load("shakespeare", split="train").features[: config.train_characters]
    counts = np.bincount(tokenizer.encode(text), minlength=tokenizer.size).astype("float32")
    counts[: tokenizer.end + 1] = 0  # special tokens, such as the one of unknown words
    initializer = tf.lookup.KeyValueTensorInitializer(np.arange(len(counts)), counts.astype("int64"))
    frequencies = tf.lookup.StaticHashTable(initializer, 0)
    negative = tf.math.log(tf.constant(counts[None]) ** 0.75)

    def draw(seed: tf.Tensor, word: tf.Tensor, context: tf.Tensor) -> tuple[Any, tf.Tensor]:
        size = tf.shape(word)[0]
        random = tf.random.stateless_categorical(negative, size * NEGATIVES, seed)
        candidates = tf.concat([context[:, None], tf.reshape(random, (size, NEGATIVES))], axis=1)
        return (word, candidates), tf.zeros_like(word)

    data = {}
    for split in ("train", "validation", "test"):
        tokens = tokenizer.encode(load("shakespeare", split=split).features[: config.train_characters])
        pairs = skip_gram_sample(
            tokens.astype("int64"),
            max_skips=config.window,
            vocab_freq_table=frequencies,
            vocab_min_count=1,
            vocab_subsampling=config.subsampling,
            corpus_size=counts.sum(),
            seed=config.seed,
        )
        order = np.random.default_rng(config.seed).permutation(len(pairs[0]))
        order = order[: len(order) // config.batch_size * config.batch_size].reshape(-1, config.batch_size)
        batches = tf.data.Dataset.from_tensor_slices(tuple(tf.gather(part, order) for part in pairs))
        if split == "train":
            batches = batches.shuffle(len(order), seed=config.seed)
        data[split] = batches.apply(map_with_seed(draw, seed=config.seed))
    return data


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds vectors of words and of contexts, and their inner products."""
    size = prepared["tokenizer"].size
    word, candidates = keras.Input((), dtype="int64"), keras.Input((1 + NEGATIVES,), dtype="int64")
    vector = keras.layers.Embedding(size, config.dimension, name="vectors")(word)
    contexts = keras.layers.Embedding(size, config.dimension, "zeros")(candidates)
    return keras.Model([word, candidates], keras.layers.Dot(axes=(2, 1))([contexts, vector]))


@keras.saving.register_keras_serializable(package="recipes")
def negative_sampling(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Returns the sum of the binary cross-entropies of the true word and of the random words."""
    true = keras.ops.one_hot(keras.ops.reshape(y_true, (-1,)), 1 + NEGATIVES)
    return keras.ops.sum(keras.ops.softplus(y_pred) - true * y_pred, axis=-1)


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with the loss of negative sampling and the Adam optimizer."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config, prepared), optimizer, negative_sampling, ["accuracy"], jit=config.jit)


class WordVectors:
    """Vectors of length 1, and the words closest to a direction.

    Args:
        vectors: Array of shape (tokens, dimension).
        vocabulary: Word of each token. Special tokens are in brackets.
    """

    def __init__(self, vectors: np.ndarray, vocabulary: Sequence[str]) -> None:
        self.vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        self.vocabulary = vocabulary
        self._tokens = {word: token for token, word in enumerate(vocabulary)}

    def __contains__(self, word: str) -> bool:
        return word in self._tokens

    def __getitem__(self, words: str | Sequence[str]) -> np.ndarray:
        """Returns the vector of a word, or those of several words."""
        return self.vectors[self._tokens[words] if isinstance(words, str) else [self._tokens[word] for word in words]]

    def nearest(self, vector: np.ndarray, exclude: Collection[str]) -> list[str]:
        """Returns the five words whose vectors have the largest inner products with a vector."""
        words = (self.vocabulary[token] for token in np.argsort(self.vectors @ -vector))
        return list(islice((word for word in words if word[0] != "[" and word not in exclude), 5))

    def solve(self, a: str, b: str, c: str) -> list[str]:
        """Returns five solutions of the analogy "a is to b as c is to ...", from best to worst."""
        return self.nearest(self[b] - self[a] + self[c], exclude=(a, b, c))


def analogy_scores(vectors: WordVectors) -> dict[str, float]:
    """Returns the fractions of analogies that are solved by `WordVectors.solve`, and by the neighbors of a word."""
    pairs = [pair for pair in (words.split() for words in PAIRS.split(", ")) if all(word in vectors for word in pair)]
    solved, neighbors, count = 0, 0, 0
    for (a, b), (c, d) in permutations(pairs, 2):
        solved += d in vectors.solve(a, b, c)
        neighbors += d in vectors.nearest(vectors[c], exclude=(a, b, c))
        count += 1
    return {"analogies": solved / max(count, 1), "neighbors": neighbors / max(count, 1)}


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Writes neighbors and analogies to `words.txt`, the vectors for the projector of TensorBoard, and a figure."""
    tokenizer = run.prepared["tokenizer"]
    weights = trainer.model.get_layer("vectors").get_weights()[0]
    vectors = WordVectors(weights, tokenizer.vocabulary)
    lines = [f"{word}: {', '.join(vectors.nearest(vectors[word], [word]))}" for word in NEIGHBORS if word in vectors]
    for a, b, c in (words.split() for words in ANALOGIES):
        if a in vectors and b in vectors and c in vectors:
            lines.append(f"{a} is to {b} as {c} is to: {', '.join(vectors.solve(a, b, c))}")
    (run.folder / "words.txt").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    write_projector(run.folder / "tensorboard" / "train", weights, tokenizer.vocabulary)
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    shown = [word for word in SHOWN.split() if word in vectors]
    for word, (x, y) in zip(shown, PCA(2).fit_transform(vectors[shown]), strict=True):
        axes.plot(x, y, ".", color="tab:blue")
        axes.annotate(word, (x, y), xytext=(3, 3), textcoords="offset points")
    axes.margins(x=0.15)  # room for the words
    axes.set(xlabel="first principal component", ylabel="second principal component")
    run.save_figure(figure, "words.png")
    return {"test": analogy_scores(vectors)}


if __name__ == "__main__":
    run_script(__file__)
