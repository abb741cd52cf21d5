"""Translation of dates to ISO 8601 with an encoder-decoder and attention, such as April 22, 2019 to 2019-04-22.

Data: 20,000 generated dates from 1800 to 2199 in eight formats for training, and 1,000 / 2,000 other days
Command: tensorsmith run seq2seq/dates
Figure: alignment.png

`error_rate` is the fraction of dates whose translation has an error. The figure shows to which characters the decoder
attends. `tensorsmith generate RUN --prompt "April 22, 2019" --length 11` translates a date.
"""

import datetime
import functools
import random
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.models import encoder_decoder, encoder_decoder_alignment, encoder_decoder_step
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.seq2seq import TextGenerator, decode, plot_alignment
from tensorsmith.text import CharacterTokenizer
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: PositiveInt = 128  # units of the LSTM layer of the decoder, and of both directions of the encoder
    embedding: PositiveInt = 32  # dimension of the embeddings of characters
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 2e-2, default=5e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 6
    batch_size: PositiveInt = 64
    train_size: PositiveInt = 20_000  # number of training dates


SCORE = "test error_rate"
SMOKE = {"epochs": 1, "train_size": 1600, "units": 32, "embedding": 16, "learning_rate": 0.01}
FORMATS = ("%B %d, %Y", "%d %B %Y", "%b %d %Y", "%A, %d %B %Y", "%d.%m.%Y", "%m/%d/%Y", "%d-%b-%Y", "%Y %B %d")
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ,.-/"
LENGTH = 11  # of a translation with its end


def build_data(config: Config) -> dict[str, Any]:
    """Generates tokens of dates in random formats and of their translations. No day is in two splits."""
    generator, tokenizer = random.Random(config.seed), CharacterTokenizer(CHARACTERS)
    days = [datetime.date.fromordinal(day) for day in generator.sample(range(657_072, 803_169), 23_000)]
    source = tokenizer.encode([day.strftime(generator.choice(FORMATS)) for day in days]).to_tensor().numpy()
    iso = tokenizer.encode([day.isoformat() for day in days]).to_tensor().numpy()
    target = np.pad(iso, ((0, 0), (1, 1)), constant_values=((0, 0), (tokenizer.start, tokenizer.end)))
    parts = {"train": slice(config.train_size), "validation": slice(20_000, 21_000), "test": slice(21_000, None)}
    data = {split: (source[part], target[part]) for split, part in parts.items()}
    return {split: ({"source": x, "target": y[:, :-1]}, y[:, 1:]) for split, (x, y) in data.items()}


def build_model(config: Config) -> keras.Model:
    """Builds a bidirectional encoder, and a decoder with Luong's attention, whose outputs are logits."""
    size = CharacterTokenizer(CHARACTERS).size
    return encoder_decoder(size, size, config.embedding, config.units)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss, and Adam with a clipped gradient."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"), global_clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Trainer(build_model(config), optimizer, loss, ["accuracy"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the fractions of dates whose translations have errors, and draws attention weights."""
    tokenizer, model, scores = CharacterTokenizer(CHARACTERS), trainer.model, {}
    for split in ("validation", "test"):
        inputs, targets = data[split]
        step, state = encoder_decoder_step(model, inputs["source"])
        prompt = np.full([len(targets), 1], tokenizer.start)
        found = decode(step, state, prompt, LENGTH, end=tokenizer.end).tokens.numpy()
        scores[split] = {"error_rate": float((found != targets).any(axis=1).mean())}
    figure = Figure(figsize=(9, 6), layout="constrained")
    source, translated = inputs["source"][:4], np.pad(found[:4], ((0, 0), (1, 0)), constant_values=tokenizer.start)
    weights = encoder_decoder_alignment(model, source, translated)
    for index, axis in enumerate(figure.subplots(2, 2).flat):
        rows = source[index], found[index]
        texts = [tokenizer.decode(row[row > tokenizer.end].tolist()) for row in rows]
        plot_alignment(weights[index], *texts, axis)
    run.save_figure(figure, "alignment.png")
    return scores


def generator(config: Config, prepared: dict[str, Any], model: keras.Model) -> TextGenerator:
    """Returns the translator for `tensorsmith generate`."""
    tokenizer, encoder = CharacterTokenizer(CHARACTERS), functools.partial(encoder_decoder_step, model)
    ends = tokenizer.start, tokenizer.end
    return TextGenerator.from_encoder_decoder(encoder, tokenizer.encode, tokenizer.decode, *ends)


if __name__ == "__main__":
    run_script(__file__)
