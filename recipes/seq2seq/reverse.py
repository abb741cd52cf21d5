"""How much does attention help to copy or reverse sequences of 30 letters?

Data: 20,000 random sequences of 1 to 30 letters for training, and 600 / 3,000 others with 20 / 100 of each length
Command: tensorsmith run seq2seq/reverse

Comparison: tensorsmith compare seq2seq/reverse --seeds 3 --parallel 2

Without attention, the decoder knows the source only through the final states of the encoder. `accuracy` is the fraction
of letters that are decoded correctly, one after another, and `length_30_accuracy` that of the longest sequences. The
figure in the run folder shows it for all lengths.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.models import encoder_decoder, encoder_decoder_step
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.seq2seq import decode
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    task: Literal["reverse", "copy"] = "reverse"  # order of the target sequence
    attention: Literal["luong", "bahdanau", "none"] = "luong"  # score function of the attention, if any
    units: PositiveInt = 128  # units of the LSTM layer of the decoder, and of both directions of the encoder
    embedding: PositiveInt = 32  # dimension of the embeddings of letters
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 2e-2, default=5e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 10
    batch_size: PositiveInt = 64
    train_size: PositiveInt = 20_000  # number of training sequences


SCORE = "test length_30_accuracy"
ANSWER = """Of the letters of reversed sequences of length 30, {score[reverse, attention]} are correct with attention
and {score[reverse]} without it. Of copied ones, {score[copy, attention]} and {score[copy]} ({seeds} seeds). Without
attention, {column[reverse/test length_10_accuracy]} and {column[copy/test length_10_accuracy]} are correct at length
10, and {column[reverse/test length_20_accuracy]} and {column[copy/test length_20_accuracy]} at length 20."""
COLUMNS = ("test length_10_accuracy", "test length_20_accuracy")
SMOKE = {"epochs": 1, "train_size": 1600, "units": 32, "embedding": 16, "learning_rate": 0.01}
VARIANTS = {
    "reverse": {"attention": "none"},
    "reverse, attention": {},
    "copy": {"task": "copy", "attention": "none"},
    "copy, attention": {"task": "copy"},
}
LETTERS, START, FIRST = 20, 1, 2  # the token 0 is padding, and 2 to 21 are letters
LONGEST = 30


def build_data(config: Config) -> dict[str, Any]:
    """Generates tokens of random sequences, and of their copies or reversed sequences."""
    generator = np.random.default_rng(config.seed)
    lengths = {"train": generator.integers(1, LONGEST + 1, config.train_size)}
    lengths |= {
        "validation": np.repeat(np.arange(1, LONGEST + 1), 20),
        "test": np.repeat(np.arange(1, LONGEST + 1), 100),
    }
    data = {}
    for split, sizes in lengths.items():
        valid = np.arange(LONGEST) < sizes[:, np.newaxis]
        source = generator.integers(FIRST, FIRST + LETTERS, valid.shape) * valid
        target = source if config.task == "copy" else np.zeros_like(source)
        if config.task == "reverse":
            for row, letters, size in zip(target, source, sizes, strict=True):
                row[:size] = letters[:size][::-1]
        start = np.full((len(source), 1), START)
        data[split] = {"source": source, "target": np.hstack([start, target[:, :-1]])}, target
    return data


def build_model(config: Config) -> keras.Model:
    """Builds a bidirectional encoder, and a decoder with or without attention, whose outputs are logits."""
    attention = None if config.attention == "none" else config.attention
    return encoder_decoder(FIRST + LETTERS, FIRST + LETTERS, config.embedding, config.units, attention)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss, and Adam with a clipped gradient."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"), global_clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Trainer(build_model(config), optimizer, loss, jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the fractions of letters that are decoded correctly, and draws them over the length of the sequences."""
    scores = {}

    @tf.function
    def translate(source: tf.Tensor) -> tf.Tensor:
        prompt = tf.fill([tf.shape(source)[0], 1], START)
        return decode(*encoder_decoder_step(trainer.model, source), prompt, LONGEST).tokens

    for split in ("validation", "test"):
        inputs, targets = data[split]
        lengths = np.count_nonzero(targets, axis=1)
        right = ((translate(inputs["source"]).numpy() == targets) & (targets > 0)).sum(axis=1)
        by_length = [right[lengths == length].mean() / length for length in range(1, LONGEST + 1)]
        accuracies = {f"length_{length}_accuracy": float(by_length[length - 1]) for length in (10, 20, LONGEST)}
        scores[split] = {"accuracy": float(right.sum() / lengths.sum()), **accuracies}
    figure = Figure(layout="constrained")
    axis = figure.subplots()
    axis.plot(range(1, LONGEST + 1), by_length)
    axis.set(xlabel="length of the sequence", ylabel="accuracy", ylim=(0, 1.02))
    run.save_figure(figure, "lengths.png")
    return scores


if __name__ == "__main__":
    run_script(__file__)
