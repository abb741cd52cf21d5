"""How well does an encoder-decoder pronounce unknown words, with and without attention and beam search?

Data: CMU Pronouncing Dictionary, 121,246 pronunciations for training, 5,670 / 5,669 of other words (BSD-2-Clause)
Command: tensorsmith run seq2seq/phonemes

Comparison: tensorsmith compare seq2seq/phonemes

The source are the letters of a word, and the target are its phonemes without stress (Yao and Zweig, 2015). The phoneme
error rate is the number of insertions, deletions and replacements per phoneme. If a word has several pronunciations,
the closest one counts. `error_rate` is that of greedy decoding and `beam_error_rate` that of a beam search.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.models import encoder_decoder, encoder_decoder_step
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.seq2seq import beam_search, decode
from tensorsmith.text import CharacterTokenizer, WordTokenizer
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    attention: Literal["luong", "none"] = "luong"  # score function of the attention, if any
    units: PositiveInt = 256  # units of the LSTM layer of the decoder, and of both directions of the encoder
    embedding: PositiveInt = 64  # dimension of the embeddings of letters and phonemes
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.5, default=0.2)  # dropout rate of embeddings and outputs
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 1e-2, default=3e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 5
    batch_size: PositiveInt = 128
    train_size: PositiveInt = 121_246  # number of training pronunciations
    beams: PositiveInt = 5  # width of the beam search


SCORE = "test error_rate"
ANSWER = """The phoneme error rate of unknown words is {score[attention]} with attention and {score[no attention]}
without it, and {column[attention/test beam_error_rate]} and {column[no attention/test beam_error_rate]} with a beam
search."""
COLUMNS = ("test beam_error_rate",)
SMOKE = {
    "epochs": 1,
    "train_size": 1600,
    "units": 32,
    "embedding": 16,
    "batch_size": 64,
    "learning_rate": 0.01,
    "beams": 2,
}
VARIANTS = {"no attention": {"attention": "none"}, "attention": {}}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ'"
VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH"
LONGEST = 20  # letters of a word and phonemes of a pronunciation, with its end; few are longer


def tokenizers() -> tuple[CharacterTokenizer, WordTokenizer]:
    """Returns the tokenizers of letters and of phonemes."""
    return CharacterTokenizer(LETTERS), WordTokenizer(
        [*VOWELS, *CONSONANTS.split()], lowercase=False, separators=r"\s+"
    )


def load_pronunciations(config: Config, split: str) -> tuple[np.ndarray, list[str]]:
    """Loads words and their pronunciations without stress, such as "HH AH L OW", in random order."""
    words, phonemes = load("cmudict", split=split).features.values()
    order = np.random.default_rng(0).permutation(len(words))
    order = [each for each in order if len(words[each]) < LONGEST and len(phonemes[each].split()) < LONGEST]
    order = order[: config.train_size]
    return words[order], [re.sub(r"\d", "", each) for each in phonemes[order]]


def build_data(config: Config) -> dict[str, Any]:
    """Loads tokens of words and of pronunciations, padded with 0."""
    letters, phonemes = tokenizers()
    data = {}
    for split in ("train", "validation", "test"):
        words, pronunciations = load_pronunciations(config, split)
        tokens = phonemes.encode(pronunciations)
        start, end = (tf.fill([len(words), 1], token) for token in (phonemes.start, phonemes.end))
        target = tf.concat([start, tokens, end], axis=1).to_tensor().numpy()
        data[split] = {"source": letters.encode(words).to_tensor().numpy(), "target": target[:, :-1]}, target[:, 1:]
    return data


def build_model(config: Config) -> keras.Model:
    """Builds a bidirectional encoder, and a decoder with or without attention, whose outputs are logits."""
    attention = None if config.attention == "none" else config.attention
    sizes = (tokenizer.size for tokenizer in tokenizers())
    return encoder_decoder(*sizes, config.embedding, config.units, attention, dropout=config.dropout)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss, and Adam with a clipped gradient."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"), global_clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Trainer(build_model(config), optimizer, loss, jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the phoneme error rates, and writes pronunciations to `words.txt`."""
    letters, phonemes = tokenizers()

    @tf.function(reduce_retracing=True)
    def pronounce(source: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        step, state = encoder_decoder_step(trainer.model, source)
        prompt = tf.fill([tf.shape(source)[0], 1], phonemes.start)
        found = beam_search(step, state, prompt, LONGEST, config.beams, phonemes.end)
        return decode(step, state, prompt, LONGEST, end=phonemes.end).tokens, found.tokens[:, 0]

    scores = {}
    for split in ("validation", "test"):
        words, pronunciations = load_pronunciations(config, split)
        unique, index = np.unique(words, return_inverse=True)
        batches = tf.data.Dataset.from_tensor_slices(letters.encode(unique).to_tensor()).batch(512)
        greedy, beam = (np.concatenate(each) for each in zip(*map(pronounce, batches), strict=True))
        scores[split] = {
            name: error_rate(found[index], phonemes.encode(pronunciations), index, phonemes.end)
            for name, found in {"error_rate": greedy, "beam_error_rate": beam}.items()
        }
    lines = [
        f"{word}  {phonemes.decode(tokens[tokens > phonemes.end])}" for word, tokens in zip(unique, beam, strict=True)
    ]
    (run.folder / "words.txt").write_text("\n".join(lines) + "\n")
    return scores


def error_rate(found: np.ndarray, true: tf.RaggedTensor, words: np.ndarray, end: int) -> float:
    """Returns the edit distance per phoneme of the closest pronunciation of each word."""
    valid = tf.ragged.boolean_mask(tf.cast(found, tf.int32), found > end)
    errors = tf.edit_distance(valid.to_sparse(), true.to_sparse(), normalize=False).numpy()
    order = np.lexsort((errors, words))
    closest = order[np.unique(words[order], return_index=True)[1]]
    return float(errors[closest].sum() / true.row_lengths().numpy()[closest].sum())


if __name__ == "__main__":
    run_script(__file__)
