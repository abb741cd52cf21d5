"""Benchmarks of `tensorsmith bench`, which compare tensorsmith with Keras, TensorFlow, XLA, PyTorch and others."""

from tensorsmith.benchmarks.baseline import read_baseline, save_baseline, slower_than_baseline
from tensorsmith.benchmarks.benchmark import Benchmark, Contender, load_benchmark, summaries
from tensorsmith.benchmarks.turns import Row, measure, write_json

__all__ = [
    "Benchmark",
    "Contender",
    "Row",
    "load_benchmark",
    "measure",
    "read_baseline",
    "save_baseline",
    "slower_than_baseline",
    "summaries",
    "write_json",
]
