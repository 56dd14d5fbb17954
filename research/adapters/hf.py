"""Models of Hugging Face transformers: `predict=hf:NAME`, or a folder of one.

An image classifier gives its logits. A model of images and texts (CLIP, SigLIP) gives a
logit for each of `adapter.texts`, or without any the embeddings of images; so does any
other model of images (DINO): its class token, or where it has none the mean of its map.

References:
  A. Radford et al., Learning Transferable Visual Models from Natural Language
  Supervision, ICML 2021, arXiv:2103.00020 (section 3.1, zero-shot); M. Oquab et al.,
  DINOv2, TMLR 2024, arXiv:2304.07193.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from research.adapters.engine.adapted import Adapted
from research.adapters.engine.channels_first import FAULTS, ChannelsFirst, find_device
from research.adapters.engine.extras import require
from research.adapters.engine.hub import fetching
from research.adapters.engine.processor import describe_processor, read_processor
from research.adapters.engine.suggest import suggest
from research.errors import UserError

CLASSIFIER = "ForImageClassification"  # in the names of transformers' classes
SAFE = {"trust_remote_code": False}  # none of the model's own code is executed
REMEDY = "hf:DIR, a folder with config.json and model.safetensors"


def load(
    address: str, *, device: str | None = None, texts: Sequence[str] | None = None
) -> Adapted:
    """Returns a model of the hub, of its cache, or of a folder.

    Args:
      address: name on the hub, `OWNER/NAME`, or a folder.
      device: see `research.adapters.engine.options.Options`.
      texts: likewise.

    Raises:
      UserError: there is no such model, it is of no images, or takes no texts.
    """
    transformers, predict = require("transformers", "hf"), f"predict=hf:{address}"
    place = find_device("hf", device)
    require_folder(address, predict)
    transformers.utils.logging.disable_progress_bar()
    with fetching(predict, REMEDY):
        try:
            config = transformers.AutoConfig.from_pretrained(address, **SAFE)
            classifies = any(CLASSIFIER in name for name in config.architectures or ())
            auto = "AutoModelForImageClassification" if classifies else "AutoModel"
            network = getattr(transformers, auto).from_pretrained(
                address, use_safetensors=True, **SAFE
            )
        except (ValueError, KeyError) as error:  # a kind of model that it lacks
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{predict}: {reason}") from error
    known = replace(
        describe_processor(read_processor(transformers, address), config), device=place
    )
    if texts is not None and not hasattr(network, "get_text_features"):
        raise UserError(
            f"adapter.texts: {predict} is a {type(network).__name__}, which takes no "
            "texts; leave them out"
        )
    if classifies:
        call = ChannelsFirst.of(network, place)
        names = name_classes(config)
        known = replace(known, classes=names, outputs=int(config.num_labels))
    elif texts is not None:
        call = compare_with_texts(transformers, network, address, texts, place)
        known = replace(known, outputs=len(texts))
    else:
        call = embed(network, predict, place)
        known = replace(known, answers="embeddings")
    return Adapted(call, known, FAULTS)


def require_folder(address: str, predict: str) -> None:
    """Refuses what looks like a folder and is none, before it is asked of the hub.

    Raises:
      UserError: names the nearest folders.
    """
    path = Path(address)
    if path.is_dir() or not (path.is_absolute() or address.startswith(".")):
        return
    folders = sorted(one.parent.name for one in path.parent.glob("*/config.json"))
    near = suggest(path.name, folders)
    raise UserError(f"{predict}: no such folder (in {path.parent} {near})")


def name_classes(config: Any) -> tuple[str, ...] | None:
    """Returns the names of the logits, None where they are `LABEL_0` and so on."""
    names = tuple(str(config.id2label[i]) for i in range(config.num_labels))
    numbered = all(name == f"LABEL_{i}" for i, name in enumerate(names))
    return None if numbered else names


def embed(network: Any, predict: str, device: str) -> ChannelsFirst:
    """Returns a call that gives the embeddings of images.

    Raises:
      UserError: the model takes no images.
    """
    if hasattr(network, "get_image_features"):
        network = network.eval().requires_grad_(False).to(device)
        return ChannelsFirst(network.get_image_features, device, take_pooled)
    if getattr(network, "main_input_name", "") != "pixel_values":
        raise UserError(f"{predict}: is a {type(network).__name__}, of no images")
    named = (name for name, _ in network.named_parameters())
    has_token = any(name.endswith("cls_token") for name in named)
    return ChannelsFirst.of(network, device, take_token if has_token else take_mean)


def take_pooled(outputs: Any) -> Any:
    """Returns the vectors (B, D) of a model's `get_…_features`."""
    return getattr(outputs, "pooler_output", outputs)


def take_token(outputs: Any) -> Any:
    """Returns the class token (B, D); pooled outputs may have no trained weights."""
    return outputs.last_hidden_state[:, 0]


def take_mean(outputs: Any) -> Any:
    """Returns the mean of tokens (B, L, D), or of a map (B, D, H, W)."""
    last = outputs.last_hidden_state
    return last.mean((2, 3)) if last.ndim == 4 else last.mean(1)


def compare_with_texts(
    transformers: Any, network: Any, address: str, texts: Sequence[str], device: str
) -> ChannelsFirst:
    """Returns a call that gives scaled cosines of images and texts, (B, texts).

    Args:
      transformers: the package.
      network: with `get_image_features` and `get_text_features`.
      address: where its tokenizer is.
      texts: one for each class.
      device: where it runs.
    """
    torch = require("torch", "hf")
    with fetching(f"predict=hf:{address}", REMEDY):
        tokenizer = transformers.AutoTokenizer.from_pretrained(address, **SAFE)
    tokens = tokenizer(
        list(texts),
        padding="max_length",
        truncation=True,
        max_length=network.config.text_config.max_position_embeddings,
        return_tensors="pt",
    )
    network = network.eval().requires_grad_(False).to(device)
    with torch.inference_mode():
        wanted = take_pooled(network.get_text_features(**tokens.to(device)))
        wanted = torch.nn.functional.normalize(wanted, dim=-1)

    def compare(images: Any) -> Any:
        seen = take_pooled(network.get_image_features(images))
        cosine = torch.nn.functional.normalize(seen, dim=-1) @ wanted.T
        bias = getattr(network, "logit_bias", 0.0)
        return cosine * network.logit_scale.exp() + bias

    return ChannelsFirst(compare, device)
