"""Configs, files and comparisons that the tests of data share."""

import io
import struct
from functools import cache

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from research import config


@cache
def settings(option):
    """The `data` node of a config, as `scripts/prepare.py` composes it."""
    return config.compose(f"data={option}", config="prepare").data


def load(option, **changed):
    return config.build(settings(option), **changed)


def prepare(option, **changed):
    return load(option, _target_="research.data.prepare.prepare", **changed)


def idx(array):
    """The bytes of an IDX file of a uint8 array."""
    head = struct.pack(f">{1 + array.ndim}I", 0x0800 | array.ndim, *array.shape)
    return head + array.tobytes()


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def ordered(images, labels):
    """Examples as a sorted list of bytes: equal for equal multisets."""
    return sorted(bytes([y]) + x.tobytes() for x, y in zip(images, labels, strict=True))


def decoded(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def plain_tfds(name, folder, split):
    """What anyone reads with TFDS alone."""
    return list(tfds.data_source(name, data_dir=folder, split=split, download=False))
