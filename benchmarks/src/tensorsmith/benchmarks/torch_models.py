"""PyTorch equivalents of the recipes that `tensorsmith bench models` measures."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorsmith.benchmarks.torch_base import base
from tensorsmith.benchmarks.torch_diffusion import diffusion

ALPHABET = 85  # number of characters of Shakespeare, and unknown ones


def _classified(outputs: Any, labels: Any) -> tuple[Any, Any]:
    """Return the cross-entropy and the accuracy."""
    from torch.nn import functional

    return functional.cross_entropy(outputs, labels.long()), (outputs.argmax(1) == labels).float().mean()


def _mlp(config: Any) -> Any:
    import torch
    from torch import nn

    class MLP(base()):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            sizes = [784, *config.units]
            hidden = [part for a, b in itertools.pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
            self.layers = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(sizes[-1], 10))

        def optimizer(self, config: Any) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), config.learning_rate)

        def loss_and_metric(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return _classified(self.layers(x), y)

    return MLP()


def _wide_deep(config: Any) -> Any:
    import torch
    from torch import nn

    class WideDeep(base()):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            sizes = [6, *config.units]
            self.hidden = nn.Sequential(
                *(part for a, b in itertools.pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU()))
            )
            self.main, self.aux = nn.Linear(5 + sizes[-1], 1), nn.Linear(sizes[-1], 1)

        def loss_and_metric(self, x: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
            hidden = self.hidden(x["deep"])
            outputs = self.main(torch.cat([x["wide"], hidden], 1))[:, 0], self.aux(hidden)[:, 0]
            main, aux = (
                nn.functional.mse_loss(output, target) for output, target in zip(outputs, y.values(), strict=True)
            )
            return 0.9 * main + 0.1 * aux, main

    return WideDeep()


def _autoencoder(config: Any) -> Any:
    import torch
    from torch import nn

    class Autoencoder(base()):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            sizes = [784, *config.units, config.codings, *reversed(config.units)]
            hidden = [part for a, b in itertools.pairwise(sizes) for part in (nn.Linear(a, b), nn.SELU())]
            self.layers = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(sizes[-1], 784), nn.Sigmoid())

        def loss_and_metric(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            outputs, targets = self.layers(x), y.flatten(1)
            return nn.functional.binary_cross_entropy(outputs, targets), nn.functional.mse_loss(outputs, targets)

    return Autoencoder()


def _variational(config: Any) -> Any:
    import torch
    from torch import nn

    class VariationalAutoencoder(base()):  # type: ignore[misc]
        """Variational autoencoder whose metric is the divergence."""

        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = hidden([784, *config.units]), hidden([config.codings, *reversed(config.units)])
            self.mean, self.log_variance = (nn.Linear(config.units[-1], config.codings) for _ in range(2))
            self.output = nn.Linear(config.units[0], 784)

        def loss_and_metric(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            features = self.encoder(x.flatten(1))
            mean, log_variance = self.mean(features), self.log_variance(features)
            logits = self.output(self.decoder(mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)))
            loss = nn.functional.binary_cross_entropy_with_logits(logits, y.flatten(1), reduction="sum") / len(y)
            divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean()
            return loss + divergence, divergence

    def hidden(sizes: list[int]) -> nn.Sequential:
        return nn.Sequential(*(part for a, b in itertools.pairwise(sizes) for part in (nn.Linear(a, b), nn.SELU())))

    return VariationalAutoencoder()


def _cnn(config: Any) -> Any:
    import torch
    from torch import nn

    class CNN(base()):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            channels, size = [1, *config.filters], 28 // 2 ** len(config.filters)
            blocks = [
                part
                for a, b in itertools.pairwise(channels)
                for part in (
                    nn.Conv2d(a, b, 3, padding="same", bias=False),
                    nn.BatchNorm2d(b),
                    nn.ReLU(),
                    nn.MaxPool2d(2),
                )
            ]
            flat = channels[-1] * size * size
            head = (nn.Dropout(config.dropout), nn.Linear(flat, config.units), nn.ReLU(), nn.Dropout(config.dropout))
            self.layers = nn.Sequential(*blocks, nn.Flatten(), *head, nn.Linear(config.units, 10))

        def to_tensor(self, array: np.ndarray) -> torch.Tensor:
            tensor = torch.from_numpy(array)
            return tensor.movedim(-1, 1).contiguous() if tensor.ndim == 4 else tensor

        def loss_and_metric(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return _classified(self.layers(x), y)

    return CNN()


def _gan(config: Any) -> Any:
    import torch
    from torch import nn

    class GAN(base()):  # type: ignore[misc]
        """GAN that is trained in two phases. The weights of the generator are not averaged."""

        def __init__(self) -> None:
            super().__init__()
            many, few = config.filters
            self.generator = nn.Sequential(
                nn.Linear(config.codings, 7 * 7 * many),
                nn.Unflatten(1, (many, 7, 7)),
                nn.BatchNorm2d(many),
                nn.ConvTranspose2d(many, few, 5, stride=2, padding=2, output_padding=1),
                nn.SELU(),
                nn.BatchNorm2d(few),
                nn.ConvTranspose2d(few, 1, 5, stride=2, padding=2, output_padding=1),
                nn.Tanh(),
            )
            self.discriminator = nn.Sequential(
                nn.Conv2d(1, few, 5, stride=2, padding=2),
                nn.LeakyReLU(0.2),
                nn.Dropout(config.dropout),
                nn.Conv2d(few, many, 5, stride=2, padding=2),
                nn.LeakyReLU(0.2),
                nn.Dropout(config.dropout),
                nn.Flatten(),
                nn.Linear(7 * 7 * many, 1),
            )

        def phases(self) -> list[tuple[dict[str, Any], list[nn.Parameter]]]:
            networks = {False: self.discriminator, True: self.generator}
            return [({"generating": key}, list(network.parameters())) for key, network in networks.items()]

        def optimizer(self, config: Any) -> torch.optim.Optimizer:
            # One optimizer for both networks, whose hyperparameters are equal. It skips parameters without gradients.
            return torch.optim.Adam(self.parameters(), config.learning_rate, betas=(config.beta_1, 0.999))

        def to_tensor(self, array: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(array).movedim(-1, 1).contiguous()

        def loss_and_metric(self, real: torch.Tensor, generating: bool) -> tuple[torch.Tensor, torch.Tensor]:
            softplus = nn.functional.softplus
            with torch.set_grad_enabled(generating):
                fake = self.generator(torch.randn(len(real), config.codings))
            if generating:
                loss = softplus(-self.discriminator(fake)).mean()
                return loss, loss
            on_real, on_fake = self.discriminator(torch.cat([real, fake])).chunk(2)
            return (softplus(-on_real) + softplus(on_fake)).mean(), (on_fake < 0).float().mean()

    return GAN()


def _rnn(config: Any) -> Any:
    import torch
    from torch import nn

    class RNN(base()):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            sizes = [1, *config.units]
            self.recurrent = nn.ModuleList(nn.LSTM(a, b, batch_first=True) for a, b in itertools.pairwise(sizes))
            self.output = nn.Linear(sizes[-1], 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self.recurrent:
                x = layer(x)[0]
            outputs: torch.Tensor = self.output(x)
            return outputs

    return RNN()


def _transformer(config: Any) -> Any:
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            width = config.width
            self.norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-3) for _ in range(2))
            self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            batch, steps, width = x.shape
            heads = self.project(self.norms[0](x)).view(batch, steps, 3, config.heads, -1).permute(2, 0, 3, 1, 4)
            query, key, value = heads
            mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
            x = x + self.out(mixed.transpose(1, 2).reshape(batch, steps, width))
            outputs: torch.Tensor = x + self.feed(self.norms[1](x))
            return outputs

    class Transformer(base()):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(ALPHABET, config.width)
            self.positions = nn.Embedding(config.context, config.width)
            self.blocks = nn.Sequential(*(Block() for _ in range(config.blocks)), nn.LayerNorm(config.width, eps=1e-3))
            self.output = nn.Linear(config.width, ALPHABET)

        def optimizer(self, config: Any) -> torch.optim.Optimizer:
            options: dict[str, Any] = {"betas": (0.9, 0.99), "weight_decay": 0.1, "fused": True}
            return torch.optim.AdamW(self.parameters(), config.learning_rate, **options)

        def loss_and_metric(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            hidden = self.tokens(x) + self.positions(torch.arange(x.shape[1]))
            return _classified(self.output(self.blocks(hidden)).flatten(0, 1), y.flatten())

    return Transformer()


TORCH_MODELS: dict[str, Callable[[Any], Any]] = {
    "mlp/fashion_mnist": _mlp,
    "wide_deep/california": _wide_deep,
    "autoencoder/stacked": _autoencoder,
    "autoencoder/variational": _variational,
    "cnn/fashion_mnist": _cnn,
    "gan/dcgan": _gan,
    "diffusion/fashion_mnist": diffusion,
    "timeseries/one_step": _rnn,
    "transformer/char_gpt": _transformer,
}
