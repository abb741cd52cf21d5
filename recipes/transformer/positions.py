"""Which positional encodings of a Transformer generalize to sequences longer than those in training?

Data: 1,500,000 / 65,536 / 65,536 characters of Shakespeare's works (public domain)
Command: tensorsmith run transformer/positions

Comparison: tensorsmith compare transformer/positions --seeds 3 --parallel 2

All models are trained on sequences of 64 characters. `sinusoidal` encodings (Vaswani et al., 2017) and `learned` ones
are added to the embeddings, `rotary` encodings (Su et al., 2021) rotate queries and keys, and `linear` biases (Press et
al., 2022) reduce the attention scores in proportion to the distance. With `none`, a model knows the order only through
causal attention. The score is that of the last 32 characters of sequences of 512; learned positions are limited to 64,
of which the last 32 are read. `bits_per_character` is that of sequences of 64 characters, for which rotary encodings
are the best. The figure shows the bits per character over the position in a sequence.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith import ops
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.data import load
from tensorsmith.layers import (
    Dense,
    LayerNormalization,
    LearnedPositionalEncoding,
    RotaryEmbedding,
    SinusoidalPositionalEncoding,
)
from tensorsmith.metrics import BitsPerCharacter
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.text import CharacterTokenizer
from tensorsmith.training import Trainer

Encoding = Literal["none", "learned", "sinusoidal", "rotary", "linear"]


@dataclass(frozen=True)
class Config(TrainingSettings):
    encoding: Encoding = "linear"  # see above
    context: PositiveInt = 64  # length of the training sequences in characters
    width: PositiveInt = 128  # features of a character
    blocks: PositiveInt = 2  # number of Transformer blocks
    heads: PositiveInt = 4  # attention heads per block
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 1e-2, default=3e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 1  # passes over the training text
    batch_size: PositiveInt = 16
    train_characters: PositiveInt = 1_500_000  # length of the training text
    evaluated_characters: PositiveInt = 65_536  # length of the validation text and of the test text


SCORE = "test long_bits_per_character"
ANSWER = """At the end of sequences of 512 characters, models that were trained on 64 need {score[linear]} bits per
character with linear biases, {score[rotary]} with rotary, {score[sinusoidal]} with sinusoidal and {score[none]} without
positional encodings. With learned ones, which can only read 64 characters, it is {score[learned]} ({seeds} seeds)."""
SMOKE = {"train_characters": 12_800, "evaluated_characters": 4_096, "context": 16, "width": 16, "blocks": 1, "heads": 2}
VARIANTS = {name: {"encoding": name} for name in ("none", "learned", "sinusoidal", "rotary", "linear")}


def build_data(config: Config) -> dict[str, Any]:
    """Loads sequences of tokens of characters and, as targets, the next tokens."""
    return {split: sequences(config, split, config.context) for split in ("train", "validation", "test")}


def sequences(config: Config, split: str, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns all sequences of a length in the text of a split, without overlap, and the next characters."""
    characters = config.train_characters if split == "train" else config.evaluated_characters
    text = load("shakespeare", split=split).features[:characters]
    tokens = CharacterTokenizer(alphabet()).encode([text])[0].numpy()
    span = (len(tokens) - 1) // length * length
    return tokens[:span].reshape(-1, length), tokens[1 : span + 1].reshape(-1, length)


def alphabet() -> str:
    """Returns the characters of the training text."""
    return "".join(sorted(set(load("shakespeare", split="train").features)))


@keras.saving.register_keras_serializable(package="recipes")
class CausalAttention(keras.layers.Layer):
    """Causal multi-head attention, with rotary encodings, linear biases, or neither."""

    def __init__(self, heads: int, encoding: Encoding, **kwargs: Any):
        super().__init__(**kwargs)
        self.heads, self.encoding = heads, encoding
        self.rotary = RotaryEmbedding()
        self.supports_jit = False  # the compiled kernel of `ops.attention` is unknown to XLA

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        self.inputs, self.outputs = Dense(3 * features), Dense(features)
        self.inputs.build(input_shape)
        self.outputs.build(input_shape)

    def call(self, x: Tensor) -> Tensor:
        batch, steps, features = keras.ops.shape(x)
        parts = keras.ops.reshape(self.inputs(x), (batch, steps, 3 * self.heads, features // self.heads))
        query, key, value = keras.ops.split(parts, 3, axis=2)
        bias = None
        if self.encoding == "rotary":
            query, key = self.rotary(query), self.rotary(key)
        if self.encoding == "linear":
            slopes = 2.0 ** (-8 / self.heads * keras.ops.arange(1, self.heads + 1, dtype=x.dtype))
            positions = keras.ops.arange(steps, dtype=x.dtype)
            bias = slopes[:, None, None] * (positions[None, :] - positions[:, None])
            bias = bias[None]
        attended = ops.attention(query, key, value, causal=True, bias=bias)
        return self.outputs(keras.ops.reshape(attended, (batch, steps, features)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads, "encoding": self.encoding}


def build_model(config: Config) -> keras.Model:
    """Builds a Transformer of characters, whose outputs are logits."""
    size = CharacterTokenizer(alphabet()).size
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(size, config.width, keras.initializers.RandomNormal(stddev=1.0))(tokens)
    if config.encoding == "learned":
        x = LearnedPositionalEncoding(config.context)(x)
    if config.encoding == "sinusoidal":
        x = SinusoidalPositionalEncoding()(x)
    for _ in range(config.blocks):
        x += CausalAttention(config.heads, config.encoding)(LayerNormalization()(x))
        x += Dense(config.width)(Dense(4 * config.width, "gelu")(LayerNormalization()(x)))
    return keras.Model(tokens, Dense(size)(LayerNormalization()(x)))


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss, and AdamW with warm-up and cosine decay."""
    rate = Warmup(CosineDecay(config.learning_rate, "95%"), "5%")
    optimizer = AdamW(rate, beta_2=0.99, weight_decay=0.1, global_clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Trainer(build_model(config), optimizer, loss, [BitsPerCharacter(from_logits=True)], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns bits per character at the end of long sequences, and draws them over the position."""
    length = config.context if config.encoding == "learned" else 8 * config.context
    scores = {}
    for split in ("validation", "test"):
        tokens, targets = sequences(config, split, length)
        logits = keras.ops.convert_to_tensor(trainer.predict(tokens))
        nats = keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)
        bits = keras.ops.convert_to_numpy(nats).mean(axis=0) / np.log(2)
        scores[split] = {"long_bits_per_character": float(bits[-(config.context // 2) :].mean())}
    figure = Figure(layout="constrained")
    axis = figure.subplots()
    axis.plot(np.arange(length).reshape(-1, 8).mean(axis=1), bits.reshape(-1, 8).mean(axis=1))
    axis.axvline(config.context, color="gray", linestyle=":", label="length of the training sequences")
    axis.set(xlabel="position in the sequence", ylabel="bits per character")
    axis.legend()
    run.save_figure(figure, "positions.png")
    return scores


if __name__ == "__main__":
    run_script(__file__)
