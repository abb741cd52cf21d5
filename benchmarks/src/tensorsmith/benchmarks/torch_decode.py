"""PyTorch equivalents of the decoders that `tensorsmith bench decode` measures."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tensorsmith.benchmarks.decode import DecodeCase, Weights


def torch_decoder(case: "DecodeCase", weights: "Weights", end: int) -> Callable[[], np.ndarray]:
    """Return a function that generates the tokens of a case.

    Args:
        case: Number of sequences, steps and beams.
        weights: Weights of the model.
        end: Token that ends a sequence.
    """
    import torch

    embedding, cell, output = _layers(weights)
    rows, units = case.batch * case.beams, cell.hidden_size

    def step(tokens: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        h, c = cell(embedding(tokens), (h, c))
        return output(h), h, c

    @torch.inference_mode()
    def greedy() -> np.ndarray:
        last, h, c = torch.zeros(rows, dtype=torch.long), torch.zeros(rows, units), torch.zeros(rows, units)
        ended, tokens = torch.zeros(rows, dtype=torch.bool), []
        for _ in range(case.steps):
            logits, h, c = step(last, h, c)
            last = logits.argmax(-1).masked_fill(ended, end)
            ended = ended | (last == end)
            tokens.append(last)
        return torch.stack(tokens, 1).numpy()

    @torch.inference_mode()
    def search() -> np.ndarray:
        last, h, c = torch.zeros(rows, dtype=torch.long), torch.zeros(rows, units), torch.zeros(rows, units)
        total = torch.full((case.batch, case.beams), -torch.inf)
        total[:, 0] = 0  # the beams are equal before the first step
        ended = torch.zeros(case.batch, case.beams, dtype=torch.bool)
        tokens = torch.zeros(rows, 0, dtype=torch.long)
        itself = torch.full((case.beams,), -torch.inf)
        itself[0] = 0
        first = torch.arange(case.batch)[:, None] * case.beams
        for _ in range(case.steps):
            logits, h, c = step(last, h, c)
            # The best tokens of each beam are compared, which is faster than the comparison of all log-probabilities.
            values, best = logits.topk(case.beams)
            added = (values - logits.logsumexp(-1, keepdim=True)).view(case.batch, case.beams, -1)
            added = torch.where(ended[..., None], itself, added)
            best = best.view(case.batch, case.beams, -1).masked_fill(ended[..., None], end)
            total, chosen = (total[..., None] + added).flatten(1).topk(case.beams)
            parents = chosen // case.beams
            kept = (parents + first).flatten()
            last = best.flatten(1).gather(1, chosen)
            ended = ended.gather(1, parents) | (last == end)
            last, h, c = last.flatten(), h[kept], c[kept]
            tokens = torch.cat([tokens[kept], last[:, None]], 1)
        return tokens.view(case.batch, case.beams, -1).numpy()

    return greedy if case.beams == 1 else search


def _layers(weights: "Weights") -> tuple[Any, Any, Any]:
    """Return the layers with weights in the layout of Keras, in which matrices are transposed."""
    import torch
    from torch import nn

    embedding = nn.Embedding.from_pretrained(torch.from_numpy(weights.embedding))
    cell, output = (
        nn.LSTMCell(len(weights.kernel), len(weights.recurrent_kernel)),
        nn.Linear(*weights.output_kernel.shape),
    )
    arrays = {
        cell.weight_ih: weights.kernel.T,
        cell.weight_hh: weights.recurrent_kernel.T,
        cell.bias_ih: weights.bias,
        cell.bias_hh: np.zeros_like(weights.bias),
        output.weight: weights.output_kernel.T,
        output.bias: weights.output_bias,
    }
    with torch.no_grad():
        for parameter, array in arrays.items():
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(array)))
    return embedding, cell, output
