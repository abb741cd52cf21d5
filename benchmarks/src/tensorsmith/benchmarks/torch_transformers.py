"""PyTorch equivalents of the networks that `tensorsmith bench transformers` measures, with their losses."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorsmith.benchmarks.transformers import TransformerCase


def _options(about: "TransformerCase", dropout: float, activation: str) -> dict[str, Any]:
    """Return the arguments of the Transformer layers of PyTorch."""
    return {
        "d_model": about.width,
        "nhead": about.heads,
        "dim_feedforward": about.hidden,
        "dropout": dropout,
        "activation": activation,
        "batch_first": True,
        "norm_first": True,
    }


def _cross_entropy(ignored: int = -100) -> Callable[..., Any]:
    from torch.nn import functional

    def loss(logits: Any, labels: Any) -> Any:
        return functional.cross_entropy(logits.flatten(0, -2), labels.flatten().long(), ignore_index=ignored)

    return loss


def _gpt(about: "TransformerCase", dropout: float) -> tuple[Any, Any]:
    import torch
    from torch import nn

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(about.tokens, about.width)
            self.positions = nn.Embedding(about.length, about.width)
            self.dropout = nn.Dropout(dropout)
            block = nn.TransformerEncoderLayer(**_options(about, dropout, "gelu"))
            last = nn.LayerNorm(about.width)
            self.blocks = nn.TransformerEncoder(block, about.blocks, last, enable_nested_tensor=False)
            self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(about.length))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.dropout(self.tokens(x) + self.positions.weight)
            x = self.blocks(x, mask=self.mask, is_causal=True)
            outputs: torch.Tensor = x @ self.tokens.weight.T
            return outputs

    return GPT(), _cross_entropy()


def _bert(about: "TransformerCase", dropout: float) -> tuple[Any, Any]:
    import torch
    from torch import nn

    class BERT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(about.tokens, about.width)
            self.positions = nn.Embedding(about.length, about.width)
            self.segments = nn.Embedding(2, about.width)
            self.start = nn.Sequential(nn.LayerNorm(about.width), nn.Dropout(dropout))
            block = nn.TransformerEncoderLayer(**_options(about, dropout, "gelu"))
            last = nn.LayerNorm(about.width)
            self.blocks = nn.TransformerEncoder(block, about.blocks, last, enable_nested_tensor=False)
            self.pooled = nn.Sequential(nn.Linear(about.width, about.width), nn.Tanh(), nn.Linear(about.width, 2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            embedded = self.start(self.tokens(x) + self.positions.weight + self.segments.weight[0])
            features = self.blocks(embedded, src_key_padding_mask=x == 0)
            outputs: torch.Tensor = self.pooled(features[:, 0])
            return outputs

    return BERT(), _cross_entropy()


def _encoder_decoder(about: "TransformerCase", dropout: float) -> tuple[Any, Any]:
    import torch
    from torch import nn

    class EncoderDecoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.source, self.target = (nn.Embedding(about.tokens, about.width) for _ in range(2))
            self.dropout = nn.Dropout(dropout)
            options = _options(about, dropout, "relu")
            encoder, decoder = nn.TransformerEncoderLayer(**options), nn.TransformerDecoderLayer(**options)
            norms = [nn.LayerNorm(about.width) for _ in range(2)]
            self.encoder = nn.TransformerEncoder(encoder, about.blocks, norms[0], enable_nested_tensor=False)
            self.decoder = nn.TransformerDecoder(decoder, about.blocks, norms[1])
            steps = torch.arange(about.length)[:, None]
            angles = steps / 10_000 ** (torch.arange(0, about.width, 2) / about.width)
            self.register_buffer("positions", torch.cat([angles.sin(), angles.cos()], 1))
            self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(about.length).isinf())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scale, (source, target) = about.width**0.5, x.unbind(1)
            hidden = self.dropout(scale * self.source(source) + self.positions)
            memory = self.encoder(hidden, src_key_padding_mask=source == 0)
            features = self.decoder(
                self.dropout(scale * self.target(target) + self.positions),
                memory,
                tgt_mask=self.mask,
                tgt_key_padding_mask=target == 0,
                memory_key_padding_mask=source == 0,
            )
            outputs: torch.Tensor = features @ self.target.weight.T
            return outputs

    return EncoderDecoder(), _cross_entropy(ignored=0)


TORCH_NETWORKS: dict[str, Callable[["TransformerCase", float], tuple[Any, Any]]] = {
    "gpt": _gpt,
    "bert": _bert,
    "encoder_decoder": _encoder_decoder,
}
