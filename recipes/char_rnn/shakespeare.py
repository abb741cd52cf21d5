"""Character-level language model of Shakespeare with a GRU layer.

Data: 42 works of Shakespeare, 5.06 million characters, 90 / 5 / 5 (CC-BY-2.5)
Command: tensorsmith run char_rnn/shakespeare

The text is divided into sequences, whose states start at 0. `tensorsmith generate RUN --prompt KING` prints text.
"""

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
from tensorsmith.seq2seq import TextGenerator, recurrent_step
from tensorsmith.text import CharacterTokenizer
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: PositiveInt = 512  # units of the GRU layer
    embedding: PositiveInt = 64  # dimension of the embeddings
    steps: PositiveInt = 200  # length of the training sequences in characters
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.3, default=0.1)  # dropout rate after the GRU layer
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 2e-2, default=6e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 3  # passes over the training text
    batch_size: PositiveInt = 32  # sequences per step
    train_characters: PositiveInt = 4_551_552  # length of the training text


SCORE = "validation bits_per_character"
SMOKE = {"epochs": 1, "train_characters": 20_000, "steps": 20, "units": 16, "batch_size": 32}


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
    """Builds embeddings, a GRU layer, dropout, and a dense layer with the logits of the next character."""
    return char_rnn(prepared["tokenizer"].size, config.embedding, config.units, dropout=config.dropout)


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss, and AdamW with warm-up, cosine decay and a clipped gradient."""
    optimizer = AdamW(Warmup(CosineDecay(config.learning_rate, "95%"), "5%"), weight_decay=0.01, global_clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Trainer(build_model(config, prepared), optimizer, loss, [BitsPerCharacter(from_logits=True)], jit=config.jit)


def generator(config: Config, prepared: dict[str, Any], model: keras.Model) -> TextGenerator:
    """Returns the text generator for `tensorsmith generate`."""
    step, initial_state = recurrent_step(model)
    tokenizer = prepared["tokenizer"]
    return TextGenerator(step, initial_state, tokenizer.encode, tokenizer.decode)


if __name__ == "__main__":
    run_script(__file__)
