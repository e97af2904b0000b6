from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from lib.base.errors import CompanionError, NotAvailable
from lib.encoders import clip as clip_module
from lib.encoders.clip import CONFIG, WEIGHTS, ClipEncoder, load_clip
from lib.encoders.encoder import stack_pixels

from .conftest import MODEL, PREPROCESS, random_weights, save_model
from .examples import pictures


def refused(message: str, name: str | Path, kind: type[CompanionError] = CompanionError, **options: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        load_clip(name, **options)
    assert "\n" not in str(caught.value)


def test_what_it_says_of_itself(clip: ClipEncoder, clip_folder: Path) -> None:
    assert (clip.name, clip.dim, clip.image_size) == ("tiny-clip", 16, (32, 32))
    assert set(clip.identity["sha256"]) == {CONFIG, WEIGHTS}
    assert clip.identity["preprocessing"]["mean"] == PREPROCESS["mean"]
    assert json.loads(json.dumps(clip.identity)) == clip.identity
    assert str(clip_folder) not in json.dumps(clip.identity)
    assert not clip.model.training


def test_images_agree_with_open_clip_and_a_transform_by_hand(clip: ClipEncoder) -> None:
    images = pictures(3)
    small = [np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR), np.float32) / 255 for image in images]
    pixels = (np.stack(small) - np.float32(PREPROCESS["mean"])) / np.float32(PREPROCESS["std"])
    with torch.no_grad():
        expected = clip.model.encode_image(torch.tensor(pixels).permute(0, 3, 1, 2)).numpy()
    encoded = clip.encode_images(images)
    assert encoded.dtype == np.float32 and encoded.shape == (3, 16)
    np.testing.assert_allclose(encoded, expected, atol=1e-5)
    assert not np.allclose(np.linalg.norm(encoded, axis=1), 1, atol=0.01)


@pytest.mark.parametrize("resize_mode", ["squash", "shortest", "longest"])
def test_preprocessing_in_two_parts_gives_the_bytes_of_open_clips_transform(
    resize_mode: str, clip_folder: Path, tmp_path: Path
) -> None:
    preprocessing = PREPROCESS | {"resize_mode": resize_mode, "interpolation": "bicubic"}
    (tmp_path / CONFIG).write_text(json.dumps({"model_cfg": MODEL, "preprocess_cfg": preprocessing}))
    shutil.copy(clip_folder / WEIGHTS, tmp_path)
    encoder = load_clip(tmp_path)
    rgb = pictures(2) + pictures(2, (70, 33)) + pictures(1, (32, 32)) + pictures(1, (9, 20))
    images = rgb + [image.convert(mode) for image in rgb[:3] for mode in ("L", "RGBA", "P", "1")]
    settings = open_clip.transform.PreprocessCfg(**encoder.model.visual.preprocess_cfg)
    whole = open_clip.transform.image_transform_v2(settings, is_train=False)
    pixels = stack_pixels(encoder, images)
    assert pixels.dtype == torch.uint8 and pixels.shape == (len(images), 3, 32, 32)
    assert torch.equal(encoder.normalise(pixels), torch.stack([whole(image) for image in images]))
    assert np.array_equal(encoder.encode_pixels(pixels), encoder.encode_images(images))


def test_texts_agree_with_open_clip(clip: ClipEncoder) -> None:
    texts = ["a red umbrella", "", "word " * 200]
    with torch.no_grad():
        expected = clip.model.encode_text(open_clip.tokenize(texts)).numpy()
    np.testing.assert_allclose(clip.encode_texts(texts), expected, atol=1e-6)


def test_a_batch_gives_what_single_inputs_give(clip: ClipEncoder) -> None:
    images = pictures(4)
    single = np.concatenate([clip.encode_images([image]) for image in images])
    np.testing.assert_allclose(clip.encode_images(images), single, atol=1e-5)


def test_grey_and_transparent_pictures_are_made_rgb(clip: ClipEncoder) -> None:
    rgb = pictures(1)[0]
    grey = rgb.convert("L")
    np.testing.assert_allclose(clip.encode_images([grey]), clip.encode_images([grey.convert("RGB")]))
    np.testing.assert_allclose(clip.encode_images([rgb.convert("RGBA")]), clip.encode_images([rgb]))


def test_float16_files_are_computed_in_float32(tmp_path: Path) -> None:
    half = {name: t.half() if t.is_floating_point() else t for name, t in random_weights().items()}
    encoder = load_clip(save_model(tmp_path / "half", half))
    full = load_clip(save_model(tmp_path / "full", {name: t.float() for name, t in half.items()}))
    assert {p.dtype for p in encoder.model.parameters()} == {torch.float32}
    assert np.array_equal(encoder.encode_images(pictures(2)), full.encode_images(pictures(2)))
    assert encoder.identity != full.identity


LOADS = """
import pickle, sys
import numpy as np
encoder = pickle.load(open(sys.argv[1], "rb"))
np.save(sys.argv[2], encoder.encode_texts(["a"]))
"""


def test_it_travels_to_another_process(clip: ClipEncoder, tmp_path: Path) -> None:
    """That process has imported nothing, neither open_clip nor a torchvision that works with this torch."""
    packed, texts = tmp_path / "clip.pkl", tmp_path / "texts.npy"
    packed.write_bytes(pickle.dumps(clip))
    done = subprocess.run([sys.executable, "-c", LOADS, packed, texts], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(texts), clip.encode_texts(["a"]), rtol=1e-5, atol=1e-6)
    copy = pickle.loads(packed.read_bytes())
    assert np.array_equal(copy.encode_images(pictures(2)), clip.encode_images(pictures(2)))


def test_shipped_models_are_known_by_name(clip_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_module, "MODELS", clip_folder.parent)
    assert load_clip("tiny-clip").name == "tiny-clip"
    refused("nearest known names: tiny-clip", "tinyclip")


@pytest.mark.parametrize("inputs", [[], ["not a picture"], [np.zeros((8, 8, 3))]])
def test_images_must_be_pictures(clip: ClipEncoder, inputs: list) -> None:
    with pytest.raises(CompanionError, match=r"tiny-clip: (no images|an image is a)"):
        clip.encode_images(inputs)


@pytest.mark.parametrize("inputs", [[], [1], [None]])
def test_texts_must_be_strings(clip: ClipEncoder, inputs: list) -> None:
    with pytest.raises(CompanionError, match=r"tiny-clip: (no texts|a text is a)"):
        clip.encode_texts(inputs)


def test_unknown_names_come_with_the_nearest() -> None:
    refused("nearest known names: ViT-B-32", "vit-b32")
    refused("no architecture 'ViT-B-3x2'; nearest known names: .*ViT-B-32", "ViT-B-3x2", pretrained="openai")
    refused("neither a folder nor an architecture", "no/such/folder")
    refused("without weights; give 'ViT-B-32 TAG', where TAG is one of: openai, ", "ViT-B-32")
    refused("has no weights 'opnai'; choose one of: openai", "ViT-B-32", pretrained="opnai")


def test_weights_listed_as_a_pickle_only_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"url": "https://host/model.pt", "hf_hub": ""}
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: entry)
    refused("'openai' is listed as a pickle only", "ViT-B-32", pretrained="openai")


def test_pickled_weights_in_a_folder_are_refused(clip_folder: Path, tmp_path: Path) -> None:
    shutil.copy(clip_folder / CONFIG, tmp_path)
    refused(f"holds no {WEIGHTS}", tmp_path)
    (tmp_path / "open_clip_pytorch_model.bin").write_bytes(b"")
    refused(f"only open_clip_pytorch_model.bin, a pickle, .* convert it to {WEIGHTS}", tmp_path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "is not an open_clip config"),
        ("[]", "is not an open_clip config"),
        (json.dumps({"model_cfg": {"embed_dim": 16}}), "is not an open_clip config .*vision_cfg"),
        (json.dumps({"model_cfg": MODEL | {"embed_dim": 8}}), "config and weights do not make a model"),
        (json.dumps({"model_cfg": MODEL | {"no_such_option": 1}}), "config and weights do not make a model"),
        (
            json.dumps({"model_cfg": MODEL | {"text_cfg": {"tokenizer_kwargs": {"trust_remote_code": True}}}}),
            "asks to run code of its author",
        ),
    ],
)
def test_bad_configs_are_refused(config: str, message: str, clip_folder: Path, tmp_path: Path) -> None:
    refused(f"has no {CONFIG}", tmp_path)
    shutil.copy(clip_folder / WEIGHTS, tmp_path)
    (tmp_path / CONFIG).write_text(config)
    refused(message, tmp_path)


def test_broken_weights_are_refused(clip_folder: Path, tmp_path: Path) -> None:
    weights = random_weights()
    weights["visual.proj"][0, 0] = torch.nan
    refused("weights 'visual.proj' contain NaN", save_model(tmp_path / "nan", weights))
    folder = save_model(tmp_path / "cut", weights)
    (folder / WEIGHTS).write_bytes((clip_folder / WEIGHTS).read_bytes()[:5000])
    refused("config and weights do not make a model", folder)


REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache on a machine without network."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def test_a_hub_model_loads_from_the_cache_at_its_revision(clip_folder: Path, hub_cache: Path) -> None:
    repository = hub_cache / "models--someone--tiny"
    shutil.copytree(clip_folder, repository / "snapshots" / REVISION)
    encoder = load_clip("hf-hub:someone/tiny", revision=REVISION)
    assert encoder.name == "someone/tiny"
    assert encoder.identity == load_clip(clip_folder).identity


def test_an_architecture_and_a_tag_name_a_hub_repository(
    clip_folder: Path, hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(clip_module, "hub_folder", lambda *what: asked.append(what[:2]) or clip_folder)
    assert load_clip("ViT-B-32", pretrained="openai", revision=REVISION).name == "ViT-B-32/openai"
    assert asked == [(open_clip.get_pretrained_cfg("ViT-B-32", "openai")["hf_hub"].strip("/"), REVISION)]


def test_without_cache_and_network_a_hub_model_is_not_available(hub_cache: Path) -> None:
    refused("someone/tiny at v1 is not in the hub cache", "hf-hub:someone/tiny", NotAvailable, revision="v1")
    refused("at its newest revision is not in the hub cache", "ViT-B-32", NotAvailable, pretrained="openai")


def test_an_impossible_repository_name_is_told(hub_cache: Path) -> None:
    refused("the hub does not give a/b/c", "hf-hub:a/b/c")
