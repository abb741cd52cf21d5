"""Does a character-level language model improve if its state is carried from each batch to the next?

Data: 42 works of Shakespeare, 5.06 million characters, 90 / 5 / 5 (CC-BY-2.5)
Command: tensorsmith run char_rnn/stateful

Comparison: tensorsmith compare char_rnn/stateful --parallel 2

`stateful` reads the text as parallel streams, in order, and carries the states of the GRU layer from window to window;
`stateless` reads the same windows in random order, with states that start at 0. Both are evaluated on streams with the
state carried over: `bits_per_character` is that of a stateless copy of the network, which reads each stream at once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.data.pipelines import parallel_streams
from tensorsmith.layers import GRU, convert_layers
from tensorsmith.metrics import BitsPerCharacter
from tensorsmith.models import char_rnn
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.seq2seq import TextGenerator, recurrent_step
from tensorsmith.text import CharacterTokenizer
from tensorsmith.training import Trainer
from tensorsmith.training.callbacks import ResetStates


@dataclass(frozen=True)
class Config(TrainingSettings):
    state: Literal["stateful", "stateless"] = "stateful"  # whether states are carried over, see above
    units: PositiveInt = 256  # units of the GRU layer
    embedding: PositiveInt = 64  # dimension of the embeddings
    steps: PositiveInt = 50  # length of a window in characters
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 2e-2, default=6e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 2  # passes over the training text
    batch_size: PositiveInt = 32  # streams, or windows per step
    train_characters: PositiveInt = 2_000_000  # length of the training text


SCORE = "test bits_per_character"
ANSWER = """The test text takes {score[stateful]} bits per character ({seeds} seeds). Carried states gain
{gain[stateful]}."""
SMOKE = {"epochs": 1, "train_characters": 20_000, "steps": 10, "units": 16}
VARIANTS = {"stateless": {"state": "stateless"}, "stateful": {"state": "stateful"}}


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains the tokenizer."""
    return {"tokenizer": CharacterTokenizer.train(load("shakespeare", split="train").features)}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads batches of parallel streams of tokens and, as targets, the next tokens, or a random order of windows."""

    def streams(split: str, limit: int | None = None) -> tf.data.Dataset:
        tokens = prepared["tokenizer"].encode(load("shakespeare", split=split).features[:limit])
        windows = parallel_streams(config.batch_size, config.steps + 1, shift=config.steps)
        batches = tf.data.Dataset.from_tensor_slices(tokens).apply(windows)
        return batches.map(lambda window: (window[:, :-1], window[:, 1:]))

    data = {split: streams(split) for split in ("validation", "test")}
    train = streams("train", config.train_characters)
    if config.state == "stateless":
        train = train.unbatch().shuffle(100_000, seed=config.seed).batch(config.batch_size, drop_remainder=True)
    return {"train": train, **data}


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds embeddings, a GRU layer and a dense layer with the logits of the next character."""
    stateful = config.state == "stateful"
    size = prepared["tokenizer"].size
    return char_rnn(size, config.embedding, config.units, stateful=stateful, batch_size=config.batch_size)


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss, and AdamW with warm-up, cosine decay and a clipped gradient."""
    optimizer = AdamW(Warmup(CosineDecay(config.learning_rate, "95%"), "5%"), weight_decay=0.01, global_clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Trainer(build_model(config, prepared), optimizer, loss, jit=config.jit)


def callbacks(config: Config, folder: Path) -> list[keras.callbacks.Callback]:
    """Returns a callback that resets the states before each epoch and before each validation."""
    return [ResetStates()] if config.state == "stateful" else []


def stateless(model: keras.Model) -> keras.Model:
    """Returns a copy of a network whose states start at 0 in each call, for batches of any size."""

    def without_states(layer: keras.Layer) -> keras.Layer:
        return GRU.from_config({**layer.get_config(), "stateful": False}) if isinstance(layer, GRU) else layer

    return convert_layers(model, without_states, batch_size=None)


def generator(config: Config, prepared: dict[str, Any], model: keras.Model) -> TextGenerator:
    """Returns the text generator for `tensorsmith generate`, which reads a batch of one text."""
    step, initial_state = recurrent_step(stateless(model))
    return TextGenerator(step, initial_state, prepared["tokenizer"].encode, prepared["tokenizer"].decode)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the bits per character of whole streams."""
    model = stateless(trainer.model)
    scores = {}
    for split in ("validation", "test"):
        windows = list(data[split].as_numpy_iterator())
        x, y = (np.concatenate(parts, axis=1) for parts in zip(*windows, strict=True))
        bits = BitsPerCharacter(from_logits=True)
        for stream, following in zip(x[:, None], y[:, None], strict=True):  # logits of all need much memory
            bits.update_state(following, model(stream))
        scores[split] = {"bits_per_character": float(bits.result())}
    return scores


if __name__ == "__main__":
    run_script(__file__)
