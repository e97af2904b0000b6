"""Image and text towers of any open_clip model behind one interface.

Every source becomes a folder in open_clip's own layout (`open_clip_config.json`, `open_clip_model.safetensors`, and
tokenizer files where the model has its own), so that a hub model, a local one and the shipped one load the same way.
Only safetensors are read: other weight formats can run code.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.base.places import MODELS
from lib.data.formats.text_files import is_unicode
from lib.encoders.encoder import check_device, full_precision, stack_pixels
from lib.encoders.hub import hub_folder
from lib.encoders.shim import ensure_torchvision

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
TOKENIZER = "tokenizer.json"
FILES = (CONFIG, WEIGHTS, "*token*.json", "vocab.json", "merges.txt", "vocab.txt")
"""Files taken from a repository of the hub: config, token tables and safetensors."""


def import_open_clip() -> ModuleType:
    """Import open_clip. It takes four seconds, so only what loads or lists models does it."""
    ensure_torchvision()
    import open_clip

    return open_clip


@dataclass(frozen=True, eq=False)
class ClipEncoder:
    """An open_clip model in eval mode and float32.

    name: as the user gave it, without folders. dim: width of the joint space. image_size: (height, width) in pixels.
    identity: sha256 of config, weights and tokenizer, preprocessing, precision; no paths. preprocess: turns a PIL image
    into uint8 (3, height, width), resized and cropped as in the model's training. mean, std: (3, 1, 1), per channel,
    from 0 to 1. tokenize: turns texts into (n, context) token numbers.
    """

    name: str
    dim: int
    image_size: tuple[int, int]
    identity: dict[str, Any] = field(repr=False)
    model: torch.nn.Module = field(repr=False)
    preprocess: Callable[[Image.Image], torch.Tensor] = field(repr=False)
    mean: torch.Tensor = field(repr=False)
    std: torch.Tensor = field(repr=False)
    tokenize: Callable[[list[str]], torch.Tensor] = field(repr=False)
    device: str = "cpu"

    def __reduce__(self) -> tuple[Any, ...]:
        # A process that unpickles the model imports open_clip on the way, which must find a working torchvision.
        return _new, (type(self),), dict(vars(self))

    @property
    def visual(self) -> torch.nn.Module:
        """The image tower, as `lib.encoders.hooks` needs it."""
        return self.model.visual  # type: ignore[return-value]

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn uint8 (n, 3, height, width) into the model's input, float32 on its device."""
        return pixels.to(self.device, non_blocking=True).float().div(255).sub_(self.mean).div_(self.std)

    def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
        """Encode uint8 (n, 3, height, width) from `preprocess` to float32 (n, dim), not normalised."""
        with torch.no_grad(), full_precision():
            return self.model.encode_image(self.normalise(pixels)).float().cpu().numpy()  # type: ignore[operator]

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        """Encode n pictures in one batch to float32 (n, dim), not normalised."""
        return self.encode_pixels(stack_pixels(self, images))

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        """Encode n texts in one batch to float32 (n, dim), not normalised; texts longer than the context are cut."""
        if not texts:
            raise CompanionError(f"{self.name}: no texts to encode; give at least one")
        for text in texts:
            if not isinstance(text, str):
                raise CompanionError(f"{self.name}: a text is a {type(text).__name__}; give strings")
            if not is_unicode(text):
                raise CompanionError(f"{self.name}: the text {text!r} is not Unicode; give it as UTF-8")
        tokens = self.tokenize(list(texts))
        with torch.no_grad():
            return self.model.encode_text(tokens.to(self.device)).float().cpu().numpy()  # type: ignore[operator]


def _new(kind: type[ClipEncoder]) -> ClipEncoder:
    ensure_torchvision()
    return object.__new__(kind)


def load_clip(
    name: str | Path, *, pretrained: str | None = None, revision: str | None = None, device: str = "cpu"
) -> ClipEncoder:
    """Load an open_clip model for inference in float32, whatever precision its file has.

    name: a shipped model (`scenes-clip`), a local folder, `hf-hub:org/repo`, or an open_clip architecture
    (`ViT-B-32`) with the tag of its weights in `pretrained`. revision: a commit or tag of the hub repository; pin it.
    Raises CompanionError for an unknown name or unusable files, and NotAvailable if the hub cannot be reached or the
    device does not exist.
    """
    check_device(device)
    folder = _folder(str(name), pretrained, revision)
    config = _config(folder)
    source = f"local-dir:{folder}"
    open_clip = import_open_clip()
    from torchvision.transforms import Compose, PILToTensor

    try:
        model = open_clip.create_model(source, precision="fp32", device=device, require_pretrained=True).eval()
        tokenizer = open_clip.get_tokenizer(source)
    except Exception as error:  # torch, open_clip and transformers each raise their own kinds
        raise CompanionError(f"{folder}: config and weights do not make a model ({str(error)[:300]})") from None
    for key, tensor in model.named_parameters():
        if not torch.isfinite(tensor).all():
            raise CompanionError(f"{folder / WEIGHTS}: weights {key!r} contain NaN or infinity; get the file again")
    preprocessing = open_clip.transform.PreprocessCfg(**model.visual.preprocess_cfg)
    height, width = preprocessing.input_size[1:]
    *resize, _, normalise = open_clip.transform.image_transform_v2(preprocessing, is_train=False).transforms
    mean, std = (torch.tensor(values, device=device).view(3, 1, 1) for values in (normalise.mean, normalise.std))
    is_folder = pretrained is None and not str(name).startswith("hf-hub:")
    return ClipEncoder(
        name=folder.name if is_folder else "/".join(filter(None, (str(name).removeprefix("hf-hub:"), pretrained))),
        dim=config["embed_dim"],
        image_size=(height, width),
        identity=_identity(folder, model.visual.preprocess_cfg),
        model=model,
        preprocess=Compose([*resize, PILToTensor()]),
        mean=mean,
        std=std,
        tokenize=tokenizer,
        device=device,
    )


def _identity(folder: Path, preprocessing: dict[str, Any]) -> dict[str, Any]:
    files = {file: sha256_file(folder / file) for file in (CONFIG, WEIGHTS, TOKENIZER) if (folder / file).is_file()}
    plain = json.loads(json.dumps(preprocessing))
    return {"encoder": "open_clip", "sha256": files, "preprocessing": plain, "precision": "fp32"}


def _folder(name: str, pretrained: str | None, revision: str | None) -> Path:
    """Return the folder with the files of a model; fetches them if they come from the hub."""
    if pretrained is not None:
        return hub_folder(hub_repository(name, pretrained), revision, FILES)
    if name.startswith("hf-hub:"):
        return hub_folder(name.removeprefix("hf-hub:"), revision, FILES)
    for folder in (Path(name).expanduser(), MODELS / name):
        if folder.is_dir():
            return folder.resolve()
    open_clip = import_open_clip()
    if name in open_clip.list_models():
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "none"
        raise CompanionError(
            f"{name} is an architecture without weights; give '{name} TAG', where TAG is one of: {tags}"
        )
    raise CompanionError(f"no model {name!r}: neither a folder nor an architecture; {_nearest(name)}")


def _nearest(name: str) -> str:
    shipped = [config.parent.name for config in MODELS.glob(f"*/{CONFIG}")]
    lowered = {known.lower(): known for known in [*shipped, *import_open_clip().list_models()]}
    near = difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.0)
    return f"nearest known names: {', '.join(lowered[known] for known in near)}"


def hub_repository(architecture: str, tag: str) -> str:
    """Return the hub repository that open_clip lists for an architecture and a tag.

    We use the repository's config, not open_clip's built-in one of that architecture, since it also says which GELU the
    weights were trained with; the built-in `ViT-B-32` with the tag `openai` takes the wrong one and only warns.
    """
    open_clip = import_open_clip()
    if architecture not in open_clip.list_models():
        raise CompanionError(f"no architecture {architecture!r}; {_nearest(architecture)}")
    entry = open_clip.get_pretrained_cfg(architecture, tag)
    if not entry:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(architecture)) or "none"
        raise CompanionError(f"{architecture} has no weights {tag!r}; choose one of: {tags}")
    organisation, _, rest = entry["hf_hub"].partition("/")
    if not rest:
        raise CompanionError(f"{architecture} {tag!r} is listed as a pickle only; choose weights in safetensors")
    return f"{organisation}/{rest.split('/')[0]}"


def _config(folder: Path) -> dict[str, Any]:
    """Return the model part of a folder's config, after checks of the folder's files."""
    if not (folder / CONFIG).is_file():
        raise CompanionError(f"{folder} has no {CONFIG}; give a folder in the layout of open_clip")
    if not (folder / WEIGHTS).is_file():
        pickled = sorted(file.name for file in folder.iterdir() if file.suffix in (".bin", ".pt", ".pth", ".ckpt"))
        found = f"only {pickled[0]}, a pickle, which can run code; convert it to" if pickled else "no"
        raise CompanionError(f"{folder} holds {found} {WEIGHTS}")
    try:
        text = (folder / CONFIG).read_text(encoding="utf-8")
        config = json.loads(text)["model_cfg"]
        config["embed_dim"], config["vision_cfg"], config["text_cfg"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        needs = "give it model_cfg with embed_dim, vision_cfg and text_cfg"
        raise CompanionError(f"{folder / CONFIG} is not an open_clip config ({error!r}); {needs}") from None
    if "trust_remote_code" in text:
        raise CompanionError(f"{folder / CONFIG} asks to run code of its author (trust_remote_code); remove that entry")
    return config
