"""Ask a multimodal LLM about pictures: the part that all its classes in transformers share.

A prompt goes into the chat template of the model's own processor, so the same code asks every class. Only safetensors
are read, and no code that comes with a model runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import nn

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.encoders.encoder import check_device
from lib.encoders.shim import ensure_torchvision
from lib.encoders.transformers_folder import check_folder, find_folder, load_weights

ensure_torchvision()
from transformers import PreTrainedTokenizerBase  # noqa: E402 (transformers needs a working torchvision first)

FILES = ("*.json", "*.safetensors", "*.jinja", "tokenizer.model")
"""Files taken from a repository of the hub: configs, token tables, templates and safetensors."""

BATCH = 64
"""Number of pictures that go through the model at once."""


@dataclass(frozen=True, eq=False)
class MultimodalLLM:
    """A multimodal LLM in eval mode. Prompts are plain text about one picture each, without any template.

    name: as the user gave it, without folders. identity: sha256 of its files; no paths. A subclass says how people
    write its kind, which classes of transformers it covers, where its image tower is, and how tokens get their
    positions.
    """

    kind: ClassVar[str]
    model_class: ClassVar[Any]
    processor_class: ClassVar[Any]

    name: str
    identity: dict[str, Any] = field(repr=False)
    model: Any = field(repr=False)
    processor: Any = field(repr=False)
    device: str = "cpu"

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        return self.processor.tokenizer

    @property
    def vision_tower(self) -> nn.Module:
        """The image tower."""
        raise NotImplementedError

    def placed(self, inputs: Any) -> dict[str, Any]:
        """Add to model inputs whatever decides the positions of their tokens, counted from the first that is not
        padding.
        """
        raise NotImplementedError

    def noise_for(self, pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Draw standard normal noise for every pixel of a batch as the model receives it."""
        return torch.randn(pixels.shape, generator=generator).to(pixels)

    @torch.inference_mode()
    def generate(self, images: list[Image.Image], prompts: list[str], max_new_tokens: int) -> list[str]:
        """Generate one greedy answer of at most `max_new_tokens` tokens for each picture and its prompt."""
        if max_new_tokens < 1:
            raise CompanionError(f"max_new_tokens is {max_new_tokens}; ask for at least one token")
        answers = []
        greedy = {"do_sample": False, "num_beams": 1, "repetition_penalty": 1.0}  # whatever the model's files prefer
        for inputs in self.batches(images, prompts):
            tokens = self.model.generate(**inputs, **greedy, max_new_tokens=max_new_tokens)
            new = tokens[:, inputs["input_ids"].shape[1] :]
            answers += self.tokenizer.batch_decode(new, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return [answer.strip() for answer in answers]

    @torch.inference_mode()
    def yes_probability(self, images: list[Image.Image], questions: list[str]) -> np.ndarray:
        """P(yes) / (P(yes) + P(no)) for the first token of each answer, in upper or lower case; float64 (n,)."""
        logits = []
        for inputs in self.batches(images, questions):
            last = self.model(**self.placed(inputs), logits_to_keep=1).logits[:, 0]
            sums = [last[:, self.first_tokens(word)].double().logsumexp(dim=1) for word in ("yes", "no")]
            logits.append(sums[0] - sums[1])
        return torch.cat(logits).sigmoid().cpu().numpy()

    def batches(self, images: list[Image.Image], prompts: list[str]) -> Iterator[Any]:
        """Yield model inputs of BATCH pictures each, padded on the left, so that every answer begins at the end."""
        if not images or len(images) != len(prompts):
            raise CompanionError(f"{self.name}: {len(images)} images, {len(prompts)} prompts; give one prompt for each")
        for image in images:
            if not isinstance(image, Image.Image):
                raise CompanionError(f"{self.name}: an image is a {type(image).__name__}; give PIL images")
        self._check_words(prompts)
        for start in range(0, len(images), BATCH):
            yield self._inputs(images[start : start + BATCH], prompts[start : start + BATCH])

    def _inputs(self, images: list[Image.Image], prompts: list[str]) -> Any:
        try:
            inputs = self.processor(
                images=[image.convert("RGB") for image in images],
                text=[self._ask(prompt) for prompt in prompts],
                padding=True,
                padding_side="left",
                return_tensors="pt",
            )
        except (ValueError, ArithmeticError) as error:  # for pictures without pixels, or far too long ones
            raise CompanionError(f"{self.name}: its processor refuses a picture ({str(error)[:300]})") from None
        return inputs.to(self.device, self.model.dtype)

    def _ask(self, prompt: str) -> str:
        content: Any = [{"type": "image"}, {"type": "text", "text": prompt}]
        return self.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)

    def _check_words(self, texts: list[str]) -> None:
        for text in texts:
            if not isinstance(text, str) or not text.strip():
                raise CompanionError(f"{self.name}: {text!r} is not a text to ask or answer; give non-empty strings")
            if self.processor.image_token in text:
                raise CompanionError(f"{self.name}: {text!r} contains the picture's own token; ask without it")
        for word in sorted({word for text in texts for word in text.split()}):
            if self.tokenizer.unk_token_id in self.tokenizer(word, add_special_tokens=False)["input_ids"]:
                raise CompanionError(f"{self.name} does not know the word {word!r}; ask in the words of its vocabulary")

    def first_tokens(self, word: str) -> list[int]:
        """List the tokens with which the word can begin, for example `yes` and `Yes`."""
        tokens = {self.tokenizer(w, add_special_tokens=False)["input_ids"][0] for w in (word, word.capitalize())}
        return sorted(tokens - {self.tokenizer.unk_token_id})


L = TypeVar("L", bound=MultimodalLLM)


def load_as(classes: tuple[type[L], ...], name: str | Path, revision: str | None, device: str) -> L:
    """Load a model for inference, as the one of the classes that its config names.

    It is in float32 on a CPU and elsewhere in the precision of its files. name: a shipped model, a local folder, or
    `hf-hub:org/repo`. revision: a commit or tag of the hub repository; pin it. Raises CompanionError for an unknown
    name or unusable files, and NotAvailable if the hub cannot be reached or the device does not exist.
    """
    check_device(device)
    kinds = tuple(one.kind for one in classes)
    folder = find_folder(str(name), kinds, FILES, revision)
    found = check_folder(folder, kinds)
    chosen = classes[kinds.index(found)]
    try:
        processor = chosen.processor_class.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = load_weights(chosen.model_class, folder, torch.float32 if device == "cpu" else "auto")
    except CompanionError:
        raise
    except Exception as error:  # torch, tokenizers and transformers each raise their own kinds
        raise CompanionError(f"{folder}: its files do not make a {found} ({str(error)[:300]})") from None
    is_hub = str(name).startswith("hf-hub:")
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors", ".jinja"))
    return chosen(
        name=str(name).removeprefix("hf-hub:") if is_hub else folder.name,
        identity={"encoder": model.config.model_type, "sha256": {path.name: sha256_file(path) for path in files}},
        model=model.to(device).eval(),
        processor=processor,
        device=device,
    )
