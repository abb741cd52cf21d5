"""Character-level language model of Shakespeare with a small causal Transformer.

Data: 42 works of Shakespeare, 5.06 million characters, 90 / 5 / 5 (CC-BY-2.5)
Command: tensorsmith run transformer/char_gpt

`tensorsmith generate RUN --prompt "KING HENRY."` prints text. The Transformer uses pre-layer normalization (Xiong et
al., 2020) and learned positional embeddings (Radford et al., 2018). Attention and layer normalization are those of
Keras, because XLA compiles the whole loop: with a context of 64 characters, this is faster than the kernels of
`tensorsmith.layers`.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.metrics import BitsPerCharacter
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.seq2seq import TextGenerator, window_step
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    context: PositiveInt = 64  # context length in characters
    width: PositiveInt = 128  # dimension of embeddings and blocks
    blocks: PositiveInt = 3  # number of Transformer blocks
    heads: PositiveInt = 4  # attention heads per block
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.3, default=0.0)  # dropout rate in each block
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 1e-2, default=3e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 3  # passes over the training text
    batch_size: PositiveInt = 16  # sequences per step
    train_characters: PositiveInt = 4_551_552  # length of the training text


SCORE = "validation bits_per_character"
SMOKE = {"epochs": 1, "train_characters": 20_000, "context": 16, "width": 16, "blocks": 1, "heads": 2}


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Returns the sorted characters of the training text."""
    return {"alphabet": "".join(sorted(set(load("shakespeare", split="train").features)))}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads sequences of character IDs and, as targets, the next IDs. The ID of unknown characters is 0."""
    numbers = {character: number for number, character in enumerate(prepared["alphabet"], start=1)}

    def windows(text: str) -> tuple[np.ndarray, np.ndarray]:
        codes = np.array([numbers.get(character, 0) for character in text], dtype=np.int32)
        count = (len(codes) - 1) // config.context
        span = count * config.context
        return codes[:span].reshape(count, -1), codes[1 : span + 1].reshape(count, -1)

    data = {split: windows(load("shakespeare", split=split).features) for split in ("validation", "test")}
    return {"train": windows(load("shakespeare", split="train").features[: config.train_characters]), **data}


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds token and positional embeddings, Transformer blocks and a projection to logits."""
    alphabet = len(prepared["alphabet"]) + 1
    tokens = keras.Input((config.context,), dtype="int32")
    positions = keras.ops.cumsum(keras.ops.ones_like(tokens), axis=1) - 1
    x = layers.Embedding(alphabet, config.width)(tokens) + layers.Embedding(config.context, config.width)(positions)
    for _ in range(config.blocks):
        normed = layers.LayerNormalization()(x)
        attention = layers.MultiHeadAttention(config.heads, config.width // config.heads, dropout=config.dropout)
        x += attention(normed, normed, use_causal_mask=True)
        hidden = layers.Dense(4 * config.width, "gelu")(layers.LayerNormalization()(x))
        x += layers.Dropout(config.dropout)(layers.Dense(config.width)(hidden))
    return keras.Model(tokens, layers.Dense(alphabet)(layers.LayerNormalization()(x)))


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss, and AdamW with warm-up and cosine decay."""
    rate = Warmup(CosineDecay(config.learning_rate, "95%"), "5%")
    optimizer = AdamW(rate, beta_2=0.99, weight_decay=0.1, global_clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Trainer(build_model(config, prepared), optimizer, loss, [BitsPerCharacter(from_logits=True)], jit=config.jit)


def generator(config: Config, prepared: dict[str, Any], model: keras.Model) -> TextGenerator:
    """Returns the text generator for `tensorsmith generate`. Unknown characters of a prompt have the ID 0."""
    alphabet = "\ufffd" + prepared["alphabet"]
    return TextGenerator(
        *window_step(model),
        encode=lambda text: [max(alphabet.find(character), 0) for character in text],
        decode=lambda tokens: "".join(alphabet[token] for token in tokens),
    )


if __name__ == "__main__":
    run_script(__file__)
