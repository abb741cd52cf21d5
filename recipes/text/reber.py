"""Recognition of strings of the embedded Reber grammar with a GRU layer.

Data: 12,000 generated strings, half of them with one wrong character, 8,000 / 2,000 / 2,000
Command: tensorsmith run text/reber

The last letter but one of a string must equal the second one, so that the network has to remember it (Hochreiter and
Schmidhuber, 1997). Invalid strings differ from valid ones in one letter at any position.
"""

import random
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.layers import GRU
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.text import CharacterTokenizer
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: PositiveInt = 30  # units of the GRU layer
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 3e-2, default=1e-2)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 60
    batch_size: PositiveInt = 32
    train_size: PositiveInt = 8_000  # number of training strings


SCORE = "test accuracy"
SMOKE = {"epochs": 1, "train_size": 1600}
LETTERS = "BTPSXVE"
# Letters that may follow in each state, and the next state.
REBER = ({"B": 1}, {"T": 2, "P": 3}, {"S": 2, "X": 4}, {"T": 3, "V": 5}, {"X": 3, "S": 6}, {"P": 4, "V": 6}, {"E": 7})


def reber(generator: random.Random) -> str:
    """Returns a string of the grammar, such as "BTXSE"."""
    state, letters = 0, ""
    while state < len(REBER):
        letter = generator.choice([*REBER[state]])
        state, letters = REBER[state][letter], letters + letter
    return letters


def is_valid(text: str) -> bool:
    """Returns `True` for strings of the embedded grammar: B, T or P, a string of the grammar, the same letter, E."""
    state = 0
    for letter in text[2:-2]:
        if state == len(REBER) or letter not in REBER[state]:
            return False
        state = REBER[state][letter]
    return state == len(REBER) and text[0] + text[-1] == "BE" and text[1] == text[-2] and text[1] in "TP"


def build_data(config: Config) -> dict[str, Any]:
    """Generates different strings as tokens, padded with 0, and labels, which are 1 for valid strings."""
    generator = random.Random(config.seed)
    examples: dict[str, int] = {}
    while len(examples) < 12_000:
        branch = generator.choice("TP")
        text, label = f"B{branch}{reber(generator)}{branch}E", len(examples) % 2
        while not label and is_valid(text):
            position = generator.randrange(len(text))
            text = text[:position] + generator.choice(LETTERS) + text[position + 1 :]
        examples.setdefault(text, label)
    tokens = CharacterTokenizer(LETTERS).encode([*examples]).to_tensor().numpy()
    labels = np.fromiter(examples.values(), np.float32)
    parts = {"train": slice(config.train_size), "validation": slice(8000, 10_000), "test": slice(10_000, None)}
    return {split: (tokens[part], labels[part]) for split, part in parts.items()}


def build_model(config: Config) -> keras.Model:
    """Builds embeddings, a GRU layer that ignores padding, and a sigmoid output."""
    embedding = keras.layers.Embedding(4 + len(LETTERS), 5, mask_zero=True)
    output = keras.layers.Dense(1, "sigmoid")
    return keras.Sequential([keras.Input((None,), dtype="int32"), embedding, GRU(config.units), output])


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss, and Adam with a clipped gradient."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"), global_clipnorm=1.0)
    return Trainer(build_model(config), optimizer, "binary_crossentropy", ["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
