"""Which change improves a character-level language model most: layers, units, steps, dropout or passes?

Data: 42 works of Shakespeare, 1,000,000 / 252,864 / 252,864 of 5.06 million characters (CC-BY-2.5)
Command: tensorsmith run char_rnn/improvements

Comparison: tensorsmith compare char_rnn/improvements --parallel 2

Each variant changes one setting of `small`: `layers` has two GRU layers instead of one, `units` twice as many units,
`steps` sequences that are twice as long and half as many of them per step, `dropout` a mask of the states, the same at
all steps of a sequence (Gal and Ghahramani, 2016), and `passes` twice as many passes over the text. `all` changes
layers, units, steps and passes. The settings of the optimizer are equal.

`samples.txt` in the run folder contains text for the temperatures 0.2, 1 and 2: a low temperature repeats words, a high
one invents them. `variety` is the number of different words that occur in the training text, divided by the number of
all words.
"""

import re
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.metrics import BitsPerCharacter
from tensorsmith.models import char_rnn
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.seq2seq import TextGenerator, recurrent_step, temperature_sampling
from tensorsmith.text import CharacterTokenizer
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    layers: PositiveInt = 1  # number of GRU layers
    units: PositiveInt = 128  # units of each GRU layer
    steps: PositiveInt = 100  # length of the training sequences in characters
    recurrent_dropout: ClosedUnitInterval = 0.0  # dropout rate of the states
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 2e-2, default=1e-2)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 1  # passes over the training text
    batch_size: PositiveInt = 16  # sequences per step
    train_characters: PositiveInt = 1_000_000  # length of the training text
    sample: PositiveInt = 5_000  # length of the text that is generated for each temperature


SCORE = "test bits_per_character"
COLUMNS = ("test variety_0.2", "test variety_1", "test variety_2")
ANSWER = """The test text takes {score[small]} bits per character ({seeds} seeds); twice as many passes gain
{gain[passes]}, units {gain[units]}, layers {gain[layers]} and steps {gain[steps]}, dropout {gain[dropout]}, and all but
dropout {gain[all]}. At the temperatures 0.2, 1 and 2, the variety of generated words is {column[all/test variety_0.2]},
{column[all/test variety_1]} and {column[all/test variety_2]}, that of the test text {run[test variety]}."""
SMOKE = {"train_characters": 20_000, "steps": 10, "units": 16, "recurrent_dropout": 0.1, "sample": 100}
VARIANTS = {
    "small": {},
    "layers": {"layers": 2},
    "units": {"units": 256},
    "steps": {"steps": 200, "batch_size": 8},
    "dropout": {"recurrent_dropout": 0.3},
    "passes": {"epochs": 2},
    "all": {"layers": 2, "units": 256, "steps": 200, "batch_size": 8, "epochs": 2},
}
TEMPERATURES = 0.2, 1, 2
WORD = "[A-Za-z]+"


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains the tokenizer."""
    return {"tokenizer": CharacterTokenizer.train(load("shakespeare", split="train").features)}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads sequences of tokens and, as targets, the next tokens. Those for evaluation have 1,000 steps."""

    def sequences(split: str, steps: int, limit: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        tokens = prepared["tokenizer"].encode(load("shakespeare", split=split).features[:limit])
        span = (len(tokens) - 1) // steps * steps
        return tokens[:span].reshape(-1, steps), tokens[1 : span + 1].reshape(-1, steps)

    data = {split: sequences(split, 1000) for split in ("validation", "test")}
    return {"train": sequences("train", config.steps, config.train_characters), **data}


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds embeddings, GRU layers and a dense layer with the logits of the next character."""
    size, dropout = prepared["tokenizer"].size, config.recurrent_dropout
    return char_rnn(size, units=config.units, layers=config.layers, recurrent_dropout=dropout)


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss, and AdamW with warm-up, cosine decay and a clipped gradient."""
    optimizer = AdamW(Warmup(CosineDecay(config.learning_rate, "85%"), "15%"), weight_decay=0.01, global_clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Trainer(build_model(config, prepared), optimizer, loss, [BitsPerCharacter(from_logits=True)], jit=config.jit)


def generator(config: Config, prepared: dict[str, Any], model: keras.Model) -> TextGenerator:
    """Returns the text generator for `tensorsmith generate`."""
    step, initial_state = recurrent_step(model)
    tokenizer = prepared["tokenizer"]
    return TextGenerator(step, initial_state, tokenizer.encode, tokenizer.decode)


def variety(text: str, known: set[str]) -> float:
    """Returns the number of different words that are known, divided by the number of all words."""
    words = re.findall(WORD, text)
    return len(known & {*words}) / max(len(words), 1)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Writes text to `samples.txt`, and returns the variety of its words and of those of the test text."""
    known = set(re.findall(WORD, load("shakespeare", split="train").features))
    scores = {"variety": variety(load("shakespeare", split="test").features[: config.sample], known)}
    text_generator, texts = generator(config, run.prepared, trainer.model), {}
    for temperature in TEMPERATURES:
        choose = temperature_sampling(temperature, config.seed)
        (texts[temperature],) = text_generator.complete(["KING"], config.sample, choose)
        scores[f"variety_{temperature}"] = variety(texts[temperature], known)
    samples = (f"Temperature {temperature}:\n\nKING{text}" for temperature, text in texts.items())
    (run.folder / "samples.txt").write_text("\n\n".join(samples) + "\n")
    return {"test": scores}


if __name__ == "__main__":
    run_script(__file__)
