"""Serves a SavedModel of TensorFlow: `python serve_saved_model.py DIR`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from array_server import serve

SIGNATURE = "serving_default"


def load(path: str) -> tuple[dict[str, Any], Callable[..., Any]]:
    """Returns what a model takes, and its signature of one input and one output."""
    import tensorflow as tf

    model = tf.saved_model.load(path)
    signature = model.signatures[SIGNATURE]
    ((name, given),) = signature.structured_input_signature[1].items()
    (answer,) = signature.structured_outputs

    def call(images: Any, model: Any = model) -> Any:  # whose variables must live
        return model.signatures[SIGNATURE](**{name: tf.constant(images)})[answer]

    return {"shape": list(given.shape)}, call


if __name__ == "__main__":
    serve(load)
