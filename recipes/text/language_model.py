"""Language models of reviews with byte pairs: an LSTM or a GPT.

Data: 18,639 reviews of women's clothing and 8,605 sentences of movie reviews (license not stated; MIT)
Command: tensorsmith run text/language_model

Each review is [START] tokens [END], and all are one text, which is cut into sequences. The score is the mean
cross-entropy of a token in nats. With `--adapted true`, the trained model continues with sentences of movie reviews.
`text/ulmfit` trains that model further, as a classifier.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.losses import SparseCategoricalCrossentropy
from tensorsmith.models import char_rnn, gpt
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.text import BytePairTokenizer
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    network: Literal["lstm", "gpt"] = "lstm"  # an LSTM layer, or Transformer blocks with causal attention
    adapted: bool = False  # if true, train the model for reviews of clothing further, on sentences of movie reviews
    pieces: PositiveInt = 3_000  # number of tokens
    context: PositiveInt = 64  # number of tokens of a sequence
    features: PositiveInt = 192  # units of the LSTM layer, or features of the Transformer
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.5, default=0.1)  # dropout rate
    learning_rate: PositiveFloat = tune.log_uniform(5e-4, 1e-2, default=4e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 3
    batch_size: PositiveInt = 16
    train_size: PositiveInt | None = None  # number of training reviews; null for all of them


SCORE = "validation loss"
SMOKE = {"epochs": 1, "train_size": 150, "pieces": 300, "context": 16, "features": 96}


def sequences(texts: list[str], tokenizer: BytePairTokenizer, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the tokens of texts as rows of the same length and, as targets, the next tokens."""
    rows = tokenizer.encode(texts).to_list()
    tokens = np.concatenate([[tokenizer.start, *row, tokenizer.end] for row in rows]).astype("int32")
    span = (len(tokens) - 1) // length * length
    return tokens[:span].reshape(-1, length), tokens[1 : span + 1].reshape(-1, length)


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains the tokenizer on both kinds of text, and the model to be adapted."""
    texts = [load(name, split="train").features for name in ("clothing_reviews", "movie_reviews")]
    prepared = {"tokenizer": BytePairTokenizer.train(np.concatenate(texts).tolist(), True, config.pieces)}
    if config.adapted:
        names = ("network", "pieces", "context", "features", "dropout", "train_size")
        fields = {name: getattr(config, name) for name in names}
        prepared["model"] = run.trained("text/language_model", seed=0, **fields)
    return prepared


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads sequences of tokens and, as targets, the next tokens."""
    name = "movie_reviews" if config.adapted else "clothing_reviews"
    limits = {"train": config.train_size, "validation": None, "test": None}
    texts = {split: load(name, split=split).features[:limit].tolist() for split, limit in limits.items()}
    return {split: sequences(each, prepared["tokenizer"], config.context) for split, each in texts.items()}


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds the language model, or returns the one to be adapted."""
    if config.adapted:
        return prepared["model"]
    size = prepared["tokenizer"].size
    if config.network == "gpt":
        return gpt("small", size, config.context, config.features / 768, blocks=3, dropout=config.dropout)
    return char_rnn(size, config.features, config.features, cell="lstm", dropout=config.dropout)


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss, and AdamW with warm-up, cosine decay and a clipped gradient."""
    rate = Warmup(CosineDecay(config.learning_rate, "95%"), "5%")
    optimizer = AdamW(rate, beta_2=0.99, weight_decay=0.01, global_clipnorm=1.0)
    loss = SparseCategoricalCrossentropy(from_logits=True)
    return Trainer(build_model(config, prepared), optimizer, loss, jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
