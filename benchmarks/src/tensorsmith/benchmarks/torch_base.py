"""Base class of the PyTorch equivalents of recipes."""

from typing import Any

import numpy as np


def base() -> Any:
    """Return the base class of the models. PyTorch is imported only by the processes that measure it."""
    import torch
    from torch import nn

    class Model(nn.Module):
        """Model with the loss and the metric of a recipe."""

        def phases(self) -> list[tuple[dict[str, Any], list[nn.Parameter]]]:
            """Return the phases of a training step: arguments of `loss_and_metric`, and the parameters to train."""
            return [({}, list(self.parameters()))]

        def optimizer(self, config: Any) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), config.learning_rate)

        def to_tensor(self, array: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(array)

        def loss_and_metric(self, x: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
            outputs = self(x)
            loss = nn.functional.mse_loss(outputs, y)
            return loss, loss

    return Model
