"""PyTorch equivalents of the networks that `tensorsmith bench sequences` measures, with their losses."""

from collections.abc import Callable
from typing import Any


def _masked_gru(tokens: int, embedding: int, units: int) -> tuple[Any, Any]:
    import torch
    from torch import nn

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(tokens, embedding)
            self.gru = nn.GRU(embedding, units, batch_first=True, bidirectional=True)
            self.output = nn.Linear(2 * units, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            lengths = (x != 0).sum(1)
            packed = nn.utils.rnn.pack_padded_sequence(self.embedding(x), lengths, True, enforce_sorted=False)
            _, states = self.gru(packed)
            outputs: torch.Tensor = self.output(states.movedim(0, 1).flatten(1))[:, 0]
            return outputs

    return Classifier(), nn.functional.binary_cross_entropy_with_logits


def _char_rnn(tokens: int, embedding: int, units: int) -> tuple[Any, Any]:
    import torch
    from torch import nn

    class CharRNN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(tokens, embedding)
            self.gru = nn.GRU(embedding, units, batch_first=True)
            self.output = nn.Linear(units, tokens)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            outputs: torch.Tensor = self.output(self.gru(self.embedding(x))[0])
            return outputs

    def loss(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten().long())

    return CharRNN(), loss


def _wavenet(tokens: int, embedding: int, units: int) -> tuple[Any, Any]:
    import torch
    from torch import nn

    class WaveNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dilations = [2**power for power in range(10)] * 3
            self.first = nn.Conv1d(1, 32, 2)
            self.gated = nn.ModuleList(nn.Conv1d(32, 64, 2, dilation=each) for each in self.dilations)
            self.residual = nn.ModuleList(nn.Conv1d(32, 32, 1) for _ in self.dilations)
            self.skip = nn.ModuleList(nn.Conv1d(32, 32, 1) for _ in self.dilations)
            self.last = nn.Sequential(nn.ReLU(), nn.Conv1d(32, 32, 1), nn.ReLU(), nn.Conv1d(32, 10, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.first(nn.functional.pad(x.movedim(-1, 1), (1, 0)))
            skipped = torch.zeros_like(x)
            layers = zip(self.dilations, self.gated, self.residual, self.skip, strict=True)
            for dilation, gated, residual, skip in layers:
                tanh, sigmoid = gated(nn.functional.pad(x, (dilation, 0))).chunk(2, 1)
                z = torch.tanh(tanh) * torch.sigmoid(sigmoid)
                x, skipped = x + residual(z), skipped + skip(z)
            outputs: torch.Tensor = self.last(skipped + x).movedim(1, -1)
            return outputs

    return WaveNet(), nn.functional.mse_loss


TORCH_NETWORKS: dict[str, Callable[[int, int, int], tuple[Any, Any]]] = {
    "masked_gru": _masked_gru,
    "char_rnn_256": _char_rnn,
    "char_rnn_512": _char_rnn,
    "wavenet": _wavenet,
}
