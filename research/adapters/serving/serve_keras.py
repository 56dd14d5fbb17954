"""Serves a Keras model: `python serve_keras.py FILE.keras`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from array_server import serve


def load(path: str) -> tuple[dict[str, Any], Callable[..., Any]]:
    """Returns what a model takes, and the model; layers with code are refused."""
    try:
        import keras
    except ModuleNotFoundError:
        from tensorflow import keras
    model = keras.models.load_model(path, compile=False, safe_mode=True)
    return {"shape": list(model.input_shape)}, model.predict_on_batch


if __name__ == "__main__":
    serve(load)
