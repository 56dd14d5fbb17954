"""Classes by name: ImageNet's, a folder's, and what is ambiguous or missing."""

import numpy as np
import pytest

from research.adapters.engine.labels import (
    choose_columns,
    imagenet_classes,
    read_classes,
)
from research.errors import UserError


def choose(wanted, classes, how=None):
    return choose_columns("torch:a:b", wanted, classes, how=how)


def test_imagenet_has_a_thousand_classes_in_the_order_of_their_numbers():
    numbers = [name.split()[0] for name in imagenet_classes()]
    assert len(numbers) == 1000 and numbers == sorted(set(numbers))
    for column, name in {0: "tench", 207: "golden retriever", 985: "daisy"}.items():
        assert choose([name], imagenet_classes()) == (column,)


def test_folders_are_found_by_number_name_and_synonym():
    names = ["n02099601", "Golden_Retriever", "great-white shark", "Tinca tinca"]
    assert choose(names, imagenet_classes()) == (207, 207, 2, 0)


def test_published_names_without_numbers_are_found_by_number():
    plain = [name.split(" ", 1)[1] for name in imagenet_classes()]
    assert choose(["n02012849", "n03126707"], plain) == (134, 517)
    with pytest.raises(UserError, match="crane may be 2 .*n02012849 crane and n031267"):
        choose(["crane"], plain)


def test_columns_are_put_in_the_order_of_the_data():
    assert choose(["dog", "cat"], ["cat", "horse", "dog"]) == (2, 0)


def test_other_names_are_refused_unless_the_order_is_said_to_count():
    with pytest.raises(UserError, match=r"no class eel \(and 0 more"):
        choose(["dog", "eel"], ["dog", "cat"])
    assert choose(["dog", "eel"], ["dog", "cat"], how="order") is None
    assert choose(["0", "1"], ["zero", "one"]) is None
    with pytest.raises(UserError, match="no class 0"):
        choose(["0", "1"], ["zero", "one"], how="names")
    with pytest.raises(UserError, match="the model of predict=torch:a:b have no names"):
        choose(["dog"], None, how="names")
    assert choose(None, ["dog"]) is None and choose(["dog"], None) is None


def test_names_are_read_from_a_file(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("cat\n\n dog \n", encoding="utf-8")
    assert read_classes(str(path)) == ("cat", "dog")
    assert read_classes("imagenet") == imagenet_classes()
    with pytest.raises(UserError, match="class_names=none: No such file"):
        read_classes("none")
    path.write_bytes(np.arange(128, 255, dtype=np.uint8).tobytes())
    with pytest.raises(UserError, match="is no text"):
        read_classes(str(path))
