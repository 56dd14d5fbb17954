"""Sessions of onnxruntime behind NumPy: layout, type and batch as a file has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from research.errors import UserError

COLOURS = (1, 3)  # how many channels an image has
DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}


@dataclass(frozen=True)
class Session:
    """Calls an onnxruntime session with images (B, H, W, C).

    Attributes:
      session: of onnxruntime.
      given: name of its input.
      output: name of its answer.
      dtype: of the input; of bytes it gets 0…255.
      first: whether its channels come before height and width.
      reverse: whether it takes blue first.
      batch: how many images it takes a call; None: any number.
      size: (height, width) that it takes; None: any.
      channels: that it takes; None: any.
    """

    session: Any
    given: str
    output: str
    dtype: Any
    first: bool
    reverse: bool
    batch: int | None
    size: tuple[int, int] | None
    channels: int | None

    @classmethod
    def of(cls, session: Any, address: str) -> Session:
        """Returns how a session is called.

        Raises:
          UserError: it takes no images, or gives no vectors.
        """
        inputs, outputs = session.get_inputs(), session.get_outputs()
        shape = list(inputs[0].shape) if inputs else []
        if len(inputs) != 1 or len(shape) != 4 or inputs[0].type not in DTYPES:
            named = ", ".join(f"{one.name} {one.type}{one.shape}" for one in inputs)
            raise UserError(
                f"predict=onnx:{address}: takes {named or 'nothing'}; wanted is one "
                "input of four axes, images"
            )
        vectors = [one for one in outputs if one.shape is None or len(one.shape) == 2]
        if not vectors:
            named = ", ".join(f"{one.name} {one.shape}" for one in outputs)
            raise UserError(
                f"predict=onnx:{address}: gives {named}; wanted is an output of two "
                "axes, (images, logits or features)"
            )
        batch, *axes = (one if isinstance(one, int) else None for one in shape)
        first = axes[0] in COLOURS or axes[2] not in COLOURS
        channels, height, width = axes if first else (axes[2], *axes[:2])
        size = None if height is None or width is None else (height, width)
        colours = session.get_modelmeta().custom_metadata_map
        reverse = colours.get("Image.BitmapPixelFormat", "").startswith("Bgr")
        return cls(
            session=session,
            given=inputs[0].name,
            output=vectors[0].name,
            dtype=DTYPES[inputs[0].type],
            first=first,
            reverse=reverse,
            batch=batch,
            size=size,
            channels=channels,
        )

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns the answers, (B, K)."""
        if self.reverse:
            images = images[..., ::-1]
        if self.first:
            images = images.transpose(0, 3, 1, 2)
        if self.dtype == np.uint8:
            images = (images * 255).round().clip(0, 255)
        whole = np.ascontiguousarray(images, self.dtype)
        size = self.batch or len(whole)
        parts = [
            self.ask(whole[start : start + size], size)
            for start in range(0, len(whole), size)
        ]
        return np.concatenate(parts).astype(np.float32)

    def ask(self, images: np.ndarray, size: int) -> np.ndarray:
        """Returns the answers to at most `size` images, which it takes that many of."""
        missing = size - len(images)
        full = np.concatenate([images, images[-1:].repeat(missing, 0)])
        return self.session.run([self.output], {self.given: full})[0][: len(images)]
