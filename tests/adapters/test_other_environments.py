"""Keras models and SavedModels, asked in another Python: a stub's, or TensorFlow's own.

TENSORFLOW_PYTHON=PATH names an environment that has TensorFlow; the stub mimics the few
functions that are called.
"""

import os
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest

from research.adapters.engine.loading import load_model
from research.adapters.engine.remote import RemoteError
from research.errors import UserError

IMAGES = np.random.default_rng(0).random((5, 8, 6, 3), np.float32)
WEIGHTS = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
EXPECTED = IMAGES.mean((1, 2)) @ WEIGHTS
STUB = """
import sys, types
import numpy as np

print("a library that prints at import")

class Model:
    input_shape = (None, 8, 6, 3)
    def predict_on_batch(self, images):
        print("and when it is called")
        if images.mean() > 100:
            raise ValueError("too\\nbright")
        if images.mean() < -100:
            sys.exit(3)
        return images.mean((1, 2)) @ np.load(self.path)

def load_keras(path, compile, safe_mode):
    assert safe_mode and not compile
    model = Model()
    model.path = path + ".npy"
    return model

def load_saved(path):
    def signature(images):
        return {"output_0": images.mean((1, 2)) @ np.load(path + "/w.npy")}
    signature.structured_input_signature = (), {"images": Spec}
    signature.structured_outputs = {"output_0": None}
    return types.SimpleNamespace(signatures={"serving_default": signature})

class Spec:
    shape = (None, 8, 6, 3)

keras = types.SimpleNamespace(models=types.SimpleNamespace(load_model=load_keras))
saved_model = types.SimpleNamespace(load=load_saved)
constant = np.asarray
"""


@pytest.fixture(scope="module")
def stub(tmp_path_factory):
    """A Python whose TensorFlow is the stub, and which does not see this project."""
    folder = tmp_path_factory.mktemp("stub")
    (folder / "tensorflow.py").write_text(STUB)
    (folder / "keras.py").write_text("raise ModuleNotFoundError(name='keras')")
    python = folder / "python"
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)
    return str(python)


@pytest.fixture
def files(tmp_path):
    """What the stub loads: a file, and a folder."""
    (tmp_path / "net.keras").write_text("")
    np.save(tmp_path / "net.keras.npy", WEIGHTS)
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "saved_model.pb").write_text("")
    np.save(saved / "w.npy", WEIGHTS)
    return {"keras": tmp_path / "net.keras", "saved_model": saved}


@pytest.mark.parametrize("kind", ["keras", "saved_model"])
def test_arrays_go_there_and_come_back(kind, stub, files):
    found = load_model(f"{kind}:{files[kind]}", {"python": stub})
    assert found.description.size == (8, 6) and found.description.channels == 3
    for _ in range(2):
        np.testing.assert_allclose(found(IMAGES), EXPECTED, atol=1e-6)
    assert found.fit((8, 6, 3)).description.outputs == 4
    with pytest.raises(UserError, match=r"images of \[8,6\], .*\[8,8,3\]"):
        found.fit((8, 8, 3))


def test_the_process_ends_with_the_model(stub, files):
    found = load_model(f"keras:{files['keras']}", {"python": stub})
    process = found.run.process
    assert process.poll() is None
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        del found
    assert process.poll() == 0


def test_what_the_model_raises_there_comes_back(stub, files):
    found = load_model(f"keras:{files['keras']}", {"python": stub})
    with pytest.raises(RemoteError, match="^ValueError: too bright$"):
        found.run(IMAGES + 1000)
    with pytest.raises(UserError, match="net.keras: .*python has ended with status 1"):
        found.run(IMAGES)
    found = load_model(f"keras:{files['keras']}", {"python": stub})
    with pytest.raises(UserError, match="net.keras: .*python has ended with status 3"):
        found.run(IMAGES - 1000)


def test_mistakes_are_one_line(stub, files, tmp_path):
    (tmp_path / "old.h5").write_text("")
    lacking = tmp_path / "lacking"
    lacking.write_text(f'#!/bin/sh\nPYTHONPATH= exec "{sys.executable}" -S "$@"\n')
    lacking.chmod(0o755)
    (tmp_path / "empty").mkdir()
    for predict, options, said in (
        (f"keras:{tmp_path}/old.h5", {}, "takes a .keras file; older formats may hold"),
        (f"keras:{tmp_path}/nat.keras", {}, "no such file .* nearest: net.keras"),
        (f"saved_model:{tmp_path}/no", {}, "no such folder"),
        (f"saved_model:{tmp_path}/empty", {}, "has no saved_model.pb"),
        (
            f"keras:{files['keras']}",
            {"python": "/no/python"},
            "python=/no/python: no s",
        ),
        (f"keras:{files['keras']}", {"device": "cpu"}, "adapter.device=cpu: .* none"),
    ):
        with pytest.raises(UserError, match=said) as caught:
            load_model(predict, options)
        assert "\n" not in str(caught.value)


def test_an_environment_without_tensorflow_says_what_installs_it(files, tmp_path):
    python = tmp_path / "python"
    (tmp_path / "tensorflow.py").write_text(
        "raise ModuleNotFoundError('No module named tensorflow', name='tensorflow')"
    )
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)
    said = "No module named tensorflow; .*python -m pip install tensorflow, or adapter"
    with pytest.raises(UserError, match=said):
        load_model(f"saved_model:{files['saved_model']}", {"python": str(python)})


MAKE = """
import sys
import numpy as np, keras, tensorflow as tf

folder, weights = sys.argv[1], np.load(sys.argv[2])
model = keras.Sequential([
    keras.Input((8, 6, 3)),
    keras.layers.GlobalAveragePooling2D(),
    keras.layers.Dense(4, use_bias=False),
])
model.layers[-1].set_weights([weights])
model.save(folder + "/net.keras")
model.export(folder + "/saved", verbose=False)
evil = keras.Sequential([keras.Input((8, 6, 3)), keras.layers.Lambda(lambda x: x)])
evil.save(folder + "/evil.keras")
"""


@pytest.mark.adapters
@pytest.mark.skipif("TENSORFLOW_PYTHON" not in os.environ, reason="no TensorFlow")
def test_tensorflow_itself(tmp_path):
    python = os.environ["TENSORFLOW_PYTHON"]
    np.save(tmp_path / "w.npy", WEIGHTS)
    words = [python, "-c", textwrap.dedent(MAKE), tmp_path, tmp_path / "w.npy"]
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(words, check=True, env=quiet, stderr=subprocess.DEVNULL)
    for predict in (f"keras:{tmp_path}/net.keras", f"saved_model:{tmp_path}/saved"):
        found = load_model(predict, {"python": python}).fit((8, 6, 3))
        assert found.description.size == (8, 6) and found.description.outputs == 4
        np.testing.assert_allclose(found(IMAGES), EXPECTED, atol=1e-5)
    with pytest.raises(UserError, match="evil.keras: .*safe_mode"):
        load_model(f"keras:{tmp_path}/evil.keras", {"python": python})
