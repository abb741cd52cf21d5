"""The command `generate` with a recipe of a user, whose model learns the order of letters."""

import pytest

RECIPE = '''
"""The next letter of the alphabet with a GRU layer.

Data: generated
Command: tensorsmith run letters.py
"""

from dataclasses import dataclass

import keras
import numpy as np

from tensorsmith.layers import GRU
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.seq2seq import TextGenerator, recurrent_step
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    epochs: int = 2


SCORE = "validation accuracy"
SMOKE = {}


def prepare(config, run):
    return {"letters": "abcdefgh"}


def build_data(config, prepared):
    letters = (np.arange(512)[:, None] + np.arange(9)) % len(prepared["letters"])
    pairs = letters[:, :-1], letters[:, 1:]
    return {"train": pairs, "validation": tuple(part[:8] for part in pairs)}


def build_trainer(config, prepared):
    size = len(prepared["letters"])
    layers = keras.layers.Embedding(size, 8), GRU(16, return_sequences=True), keras.layers.Dense(size)
    model = keras.Sequential([keras.Input((None,), dtype="int32"), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Trainer(model, keras.optimizers.Adam(0.05), loss, ["accuracy"], jit=False)


def generator(config, prepared, model):
    letters = prepared["letters"]
    step, initial_state = recurrent_step(model)
    return TextGenerator(
        step,
        initial_state,
        encode=lambda text: [letters.index(letter) for letter in text],
        decode=lambda tokens: "".join(letters[token] for token in tokens),
    )


if __name__ == "__main__":
    run_script(__file__)
'''


@pytest.fixture(scope="module")
def folder(command, tmp_path_factory):
    """Folder with the recipe and a run of it."""
    folder = tmp_path_factory.mktemp("letters")
    (folder / "letters.py").write_text(RECIPE)
    result = command("run", "letters.py", "--out", "trained", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


def test_text_continues_the_prompt(command, folder):
    result = command("generate", "trained", "--prompt", "fg", "--length", 10, "--temperature", 0, cwd=folder)
    assert (result.returncode, result.stdout) == (0, "fghabcdefgha\n"), result.stderr


def test_seed_decides(command, folder):
    first, again, other = (
        command("generate", "trained", "--prompt", "a", "--temperature", 9, "--seed", seed, cwd=folder).stdout
        for seed in (1, 1, 2)
    )
    assert len(first) == len(other) == 302
    assert first == again != other
    assert set(first) == {*"abcdefgh\n"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--prompt", ""), "prompt must be a text of at least one token, got ''."),
        (("--prompt", "a", "--length", 0), "--length must be a positive integer, got 0."),
        (("--prompt", "a", "--temperature", -1), "--temperature must be a number >= 0, got -1.0."),
        (("--prompt", "a", "--temperature", "nan"), "--temperature must be a number >= 0, got nan."),
        (("--prompt", "a", "--seed", 2**40), "--seed must be an integer of 32 bits, got 1099511627776."),
        ((), "--prompt"),
    ],
)
def test_invalid_arguments(command, folder, arguments, message):
    result = command("generate", "trained", *arguments, cwd=folder)
    assert result.returncode != 0
    assert message in result.stderr


def test_run_of_another_recipe(command, finished_run):
    result = command("generate", finished_run[0], "--prompt", "a")
    assert result.returncode != 0
    assert "run must be a run of a recipe that defines generator, got 'mlp/digits'." in result.stderr
