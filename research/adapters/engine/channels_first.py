"""PyTorch networks behind NumPy: channels first, on a device, in inference mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from research.adapters.engine.extras import require
from research.errors import UserError

# What networks raise of images that they do not take.
FAULTS = (RuntimeError, ValueError, AssertionError, TypeError, IndexError)


def find_device(kind: str, device: str | None) -> str:
    """Returns the name of a device that is there; None: CUDA's if there is one.

    Args:
      kind: of the model.
      device: as PyTorch names it.

    Raises:
      UserError: PyTorch cannot compute there.
    """
    torch = require("torch", kind)
    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=device).sum().item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"adapter.device={device}: PyTorch cannot compute there ({reason}); takes "
            f"{', '.join(list_devices(torch))}"
        ) from None
    return device


def list_devices(torch: Any) -> list[str]:
    """Returns the devices that PyTorch has here."""
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count())), *mps]


def take_answer(outputs: Any) -> Any:
    """Returns the tensor among the outputs of a network: itself, or its `logits`."""
    return getattr(outputs, "logits", outputs)


@dataclass(frozen=True)
class ChannelsFirst:
    """Calls a PyTorch network with images (B, H, W, C), and returns NumPy.

    Attributes:
      network: an `nn.Module`, on the device; or a function of a batch (B, C, H, W).
      device: where.
      answer: takes the tensor out of what the network returns.
    """

    network: Callable[[Any], Any]
    device: str
    answer: Callable[[Any], Any] = take_answer

    @classmethod
    def of(
        cls, network: Any, device: str, answer: Callable[[Any], Any] = take_answer
    ) -> ChannelsFirst:
        """Returns a module moved to a device, without dropout and gradients."""
        return cls(network.eval().requires_grad_(False).to(device), device, answer)

    def __call__(self, images: np.ndarray) -> Any:
        """Returns the answers as float32, or what is no tensor as it is."""
        import torch

        first = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        with torch.inference_mode():
            answer = self.answer(self.network(torch.from_numpy(first).to(self.device)))
            if not torch.is_tensor(answer):
                return answer
            return answer.float().cpu().numpy()
