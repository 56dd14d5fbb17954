"""Models of transformers behind `predict=hf:DIR`: random weights, saved to a folder."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from research.adapters.engine.loading import load_model  # noqa: E402
from research.adapters.engine.processor import describe_processor  # noqa: E402
from research.errors import UserError  # noqa: E402

pytestmark = pytest.mark.adapters
IMAGES = np.random.default_rng(0).random((3, 16, 16, 3), np.float32)
SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
SMALL |= {"intermediate_size": 8}
VISION = SMALL | {"image_size": 16, "patch_size": 8}
PROCESSOR = {
    "do_resize": True,
    "size": {"height": 16, "width": 16},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.25, 0.2, 0.2],
}
STANDARD = (IMAGES - np.float32(PROCESSOR["image_mean"])) / np.float32(
    PROCESSOR["image_std"]
)
PIXELS = torch.from_numpy(STANDARD).permute(0, 3, 1, 2)


def save(network, folder, processor=PROCESSOR):
    network.eval().save_pretrained(folder)
    if processor is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return f"hf:{folder}"


def classifier(**more):
    torch.manual_seed(0)
    config = transformers.ViTConfig(**VISION, **more)
    return transformers.ViTForImageClassification(config)


def clip():
    torch.manual_seed(0)
    text = SMALL | {"vocab_size": 12, "max_position_embeddings": 7}
    text |= {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    config = transformers.CLIPConfig(
        text_config=text, vision_config=VISION, projection_dim=4
    )
    return transformers.CLIPModel(config)


def save_tokenizer(folder):
    """Writes a tokenizer that knows a few letters."""
    words = ["<|startoftext|>", "<|endoftext|>"]
    words += [letter + end for end in ("", "</w>") for letter in "catdo"]
    vocabulary = {word: number for number, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    kept = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 7}
    (folder / "tokenizer_config.json").write_text(json.dumps(kept))


def test_a_classifier_gives_logits_of_named_classes(tmp_path):
    names = {0: "cat", 1: "dog", 2: "eel", 3: "fox"}
    network = classifier(id2label=names, label2id={v: k for k, v in names.items()})
    found = load_model(save(network, tmp_path), {"device": "cpu"})
    known = found.description
    assert known.classes == ("cat", "dog", "eel", "fox") and known.outputs == 4
    assert known.size == (16, 16) and known.interpolation == "bilinear"
    with torch.no_grad():
        expected = network(PIXELS).logits.numpy()
    np.testing.assert_allclose(found(IMAGES), expected, atol=1e-5)
    assert found.fit((16, 16, 3)).answers == "logits"
    with pytest.raises(UserError, match=r"images of \[16,16\], .*\[8,8,3\]"):
        found.fit((8, 8, 3))


def test_numbered_classes_have_no_names(tmp_path):
    found = load_model(save(classifier(num_labels=3), tmp_path), {})
    assert found.description.classes is None and found.description.outputs == 3
    with pytest.raises(UserError, match="takes no texts; leave them out"):
        load_model(f"hf:{tmp_path}", {"texts": ["a"]})


def test_without_a_processor_mean_and_std_must_be_given(tmp_path):
    address = save(classifier(), tmp_path, processor=None)
    with pytest.raises(UserError, match=r"give adapter.preprocess.mean=\[…\]"):
        load_model(address, {}).fit((16, 16, 3))
    options = {"preprocess": {"mean": [0.5, 0.4, 0.3], "std": [0.25, 0.2, 0.2]}}
    found = load_model(address, options).fit((16, 16, 3))
    with torch.no_grad():
        expected = classifier().eval()(PIXELS).logits.numpy()
    np.testing.assert_allclose(found(IMAGES), expected, atol=1e-5)


def test_images_are_compared_with_texts(tmp_path):
    network, texts = clip(), ["a cat", "a dog", "do"]
    address = save(network, tmp_path)
    save_tokenizer(tmp_path)
    found = load_model(address, {"texts": texts}).fit((16, 16, 3))
    assert found.description.outputs == 3 and found.answers == "logits"
    tokenizer = transformers.CLIPTokenizer.from_pretrained(tmp_path)
    tokens = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        outputs = network(pixel_values=PIXELS, **tokens)
    expected = outputs.logits_per_image.numpy()
    assert np.ptp(expected, 1).min() > 1e-4  # the texts differ
    np.testing.assert_allclose(found(IMAGES), expected, atol=1e-5)


def test_without_texts_images_are_embedded(tmp_path):
    network = clip()
    found = load_model(save(network, tmp_path), {}).fit((16, 16, 3))
    with torch.no_grad():
        vision = network.vision_model(PIXELS).pooler_output
        expected = network.visual_projection(vision).numpy()
    assert found.answers == "embeddings" and found.description.outputs == 4
    np.testing.assert_allclose(found(IMAGES), expected, atol=1e-5)


def test_the_class_token_is_the_embedding(tmp_path):
    torch.manual_seed(0)
    small = {key: value for key, value in VISION.items() if key != "intermediate_size"}
    network = transformers.Dinov2Model(transformers.Dinov2Config(**small))
    found = load_model(save(network, tmp_path), {}).fit((16, 16, 3))
    with torch.no_grad():
        expected = network(PIXELS).last_hidden_state[:, 0].numpy()
    assert found.answers == "embeddings" and expected.shape == (3, 8)
    np.testing.assert_allclose(found(IMAGES), expected, atol=1e-5)


def test_without_a_class_token_the_mean_of_the_map_is(tmp_path):
    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic"
    )
    network = transformers.ResNetModel(config)
    found = load_model(save(network, tmp_path), {})
    with torch.no_grad():
        expected = network(PIXELS).pooler_output[..., 0, 0].numpy()
    np.testing.assert_allclose(found(IMAGES), expected, atol=1e-5)


@pytest.mark.parametrize(
    "keys, size, crop",
    [
        ({"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": 224},)
        + ((224, 224), 0.875),
        ({"size": 384}, (384, 384), 1.0),
        ({"size": {"shortest_edge": 224}, "crop_pct": 0.875}, (224, 224), 0.875),
        ({"do_resize": False}, (16, 16), 1.0),
    ],
)
def test_sizes_of_processors(keys, size, crop):
    found = describe_processor(PROCESSOR | keys, transformers.ViTConfig(**VISION))
    assert (found.size, found.crop) == (size, crop)


def test_pixels_that_are_not_divided_by_255_are_standardised_as_such():
    """x · 255 · factor − mean, over std, is what is asked for."""
    keys = {"rescale_factor": 1 / 127.5, "image_mean": [1.0], "image_std": [1.0]}
    found = describe_processor(PROCESSOR | keys, transformers.ViTConfig(**VISION))
    assert found.mean == (0.5,) and found.std == (0.5,)
    plain = PROCESSOR | {"do_rescale": False, "do_normalize": False}
    found = describe_processor(plain, transformers.ViTConfig(**VISION))
    assert found.mean == (0.0,) and found.std == pytest.approx((1 / 255,))


def test_models_that_are_not_there_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "hub/models--owner--small/snapshots/1").mkdir(parents=True)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd/config.json").write_text('{"model_type": "novel"}')
    save(classifier(), tmp_path / "pickled")
    (tmp_path / "pickled/model.safetensors").rename(
        tmp_path / "pickled/pytorch_model.bin"
    )
    for address, said in (
        (tmp_path / "pickle", "no such folder .in .* nearest: pickled"),
        ("owner/other", "cannot be fetched .* has owner/small; or give hf:DIR"),
        (tmp_path / "odd", "model type `novel`"),
        (tmp_path / "pickled", "cannot be fetched .*safetensors"),
    ):
        with pytest.raises(UserError, match=said) as caught:
            load_model(f"hf:{address}", {})
        assert "\n" not in str(caught.value)


def test_a_model_of_texts_is_refused(tmp_path):
    network = transformers.BertModel(transformers.BertConfig(**SMALL, vocab_size=9))
    with pytest.raises(UserError, match="is a BertModel, of no images"):
        load_model(save(network, tmp_path), {})
