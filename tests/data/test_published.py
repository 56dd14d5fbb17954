"""Data sets that TFDS itself wrote, and what is said when it cannot write one."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from building import load, ordered, prepare
from tensorflow_datasets.image_classification.mnist import MNIST

from research.errors import UserError

PIXELS = np.random.default_rng(1).integers(0, 256, (9, 4, 6, 1), np.uint8)
LABELS = np.arange(9) % 3


def write(folder, feature, *, labels=LABELS, file_format="array_record", keys=True):
    """Prepares a data set of our own as any user of TFDS would."""

    class Dots(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.10.0")

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(
                    {"dots": feature, "digit": tfds.features.ClassLabel(num_classes=3)}
                ),
                supervised_keys=("dots", "digit") if keys else None,
            )

        def _split_generators(self, dl_manager):
            return {"train": self.examples(), "test": self.examples()}

        def examples(self):
            for i, (image, label) in enumerate(zip(PIXELS, labels, strict=True)):
                yield i, {"dots": image, "digit": int(label)}

        def _generate_examples(self):
            raise NotImplementedError

    Dots(data_dir=folder, file_format=file_format).download_and_prepare()


def dots(folder, **overrides):
    described = {"name": "dots", "shape": [4, 6, 1], "classes": 3} | overrides
    return load("tfds", dir=folder, **described)


@pytest.mark.parametrize("encoding", ["none", "bytes", "zlib"])
def test_tensors_are_read_under_any_names_and_encoding(tmp_path, encoding):
    feature = tfds.features.Tensor(shape=(4, 6, 1), dtype=np.uint8, encoding=encoding)
    write(tmp_path, feature)
    data = dots(tmp_path)
    assert data.version == "1.10.0"
    train = data.split("train")
    assert ordered(train.images, train.labels) == ordered(PIXELS, LABELS)
    assert "is prepared already" in prepare(
        "tfds", dir=tmp_path, name="dots", shape=[4, 6, 1], classes=3
    )


def test_the_highest_version_is_read_unless_one_is_asked_for(tmp_path):
    feature = tfds.features.Tensor(shape=(4, 6, 1), dtype=np.uint8, encoding="bytes")
    write(tmp_path, feature)
    (tmp_path / "dots" / "1.9.0").mkdir()
    (tmp_path / "dots" / "1.9.0" / "dataset_info.json").write_text("{}")
    assert dots(tmp_path).version == "1.10.0"
    with pytest.raises(UserError, match="not prepared"):
        dots(tmp_path, version="2.0.0")


def test_what_cannot_be_used_is_named(tmp_path):
    feature = tfds.features.Tensor(shape=(4, 6, 1), dtype=np.uint8, encoding="bytes")
    write(tmp_path / "hidden", feature, labels=LABELS - 1)
    with pytest.raises(UserError, match=r"label -1, outside 0…2.*data.test_split"):
        dots(tmp_path / "hidden")
    write(tmp_path / "keys", feature, keys=False)
    with pytest.raises(UserError, match=r"TFDS knows no \(image, label\)"):
        dots(tmp_path / "keys")


def test_an_image_without_a_label_is_named(tmp_path):
    class Unlabelled(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            image = tfds.features.Tensor(shape=(4, 6, 1), dtype=np.uint8)
            text = tfds.features.Text()
            features = tfds.features.FeaturesDict({"image": image, "label": text})
            return tfds.core.DatasetInfo(
                builder=self, features=features, supervised_keys=("image", "label")
            )

        def _split_generators(self, dl_manager):
            return {"train": self.examples(), "test": self.examples()}

        def examples(self):
            yield 0, {"image": PIXELS[0], "label": "a dot"}

        def _generate_examples(self):
            raise NotImplementedError

    Unlabelled(data_dir=tmp_path, file_format="array_record").download_and_prepare()
    with pytest.raises(UserError, match="'train' has an image whose label is not one"):
        dots(tmp_path, name="unlabelled")


def test_a_version_or_config_there_is_not_is_one_line(tmp_path):
    mnist = {"dir": tmp_path, "shape": [28, 28, 1], "classes": 10}
    for name, version, said in (
        ("mnist", "9.9.9", "data.name=mnist data.version=9.9.9: .*only: 3.0.1"),
        ("mnist_corrupted/none", None, "BuilderConfig none not found"),
    ):
        with pytest.raises(UserError, match=said) as error:
            prepare("tfds", name=name, version=version, **mnist)
        assert "\n" not in str(error.value)


def test_copies_and_backups_are_no_versions(tmp_path):
    feature = tfds.features.Tensor(shape=(4, 6, 1), dtype=np.uint8, encoding="bytes")
    write(tmp_path, feature)
    for name in ("1.10.0 (1)", "2.0.0-copy", "old"):
        (tmp_path / "dots" / name).mkdir()
        (tmp_path / "dots" / name / "dataset_info.json").write_text("{}")
    assert dots(tmp_path).version == "1.10.0"


def test_failures_of_tfds_are_one_line(tmp_path, monkeypatch, capfd):
    with pytest.raises(UserError, match="data.name=nonsuch: TFDS has no such data set"):
        prepare("tfds", dir=tmp_path, name="nonsuch", shape=[2, 2, 1], classes=2)
    mnist = {"dir": tmp_path, "name": "mnist", "shape": [28, 28, 1], "classes": 10}
    monkeypatch.setattr(MNIST, "URL", "http://127.0.0.1:9/")
    with pytest.raises(UserError, match="cannot prepare it here: no conn.* 127.0.0.1;"):
        prepare("tfds", **mnist)
    assert not capfd.readouterr().err

    def needing_tensorflow(self, dl_manager):
        raise ModuleNotFoundError("No module named 'tensorflow'")

    monkeypatch.setattr(MNIST, "_split_generators", needing_tensorflow)
    with pytest.raises(UserError, match="'tensorflow'; where there are TensorFlow and"):
        prepare("tfds", **mnist)
