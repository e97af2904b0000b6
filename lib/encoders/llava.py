"""Multimodal LLMs of the class `transformers.LlavaForConditionalGeneration`: ours of the scenes world and LLaVA-1.5.

A prompt is put into the chat template of the model's own processor, so one code asks `scenes-llava` and
`hf-hub:llava-hf/llava-1.5-7b-hf` (Liu et al., CVPR 2024), which Pach et al. (2504.02821, section 4.3) steer. Only
safetensors are read, and no code that comes with a model is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from lib.data.errors import CompanionError
from lib.data.files import sha256_file
from lib.encoders.encoder import check_device
from lib.encoders.shim import ensure_torchvision
from lib.encoders.transformers_folder import check_folder, find_folder, load_weights

ensure_torchvision()
from transformers import LlavaForConditionalGeneration, LlavaProcessor, PreTrainedTokenizerBase  # noqa: E402

FILES = ("*.json", "*.safetensors", "*.jinja", "tokenizer.model")
"""What is taken from a repository of the hub: configs, token tables, templates and safetensors."""

BATCH = 64
"""Pictures that go through the model at once."""


@dataclass(frozen=True, eq=False)
class Llava:
    """A LLaVA in eval mode. Prompts are plain text about one picture each, without any template.

    name: as it was asked for, without folders. identity: sha256 of its files; no paths.
    """

    name: str
    identity: dict[str, Any] = field(repr=False)
    model: LlavaForConditionalGeneration = field(repr=False)
    processor: LlavaProcessor = field(repr=False)
    device: str = "cpu"

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        return self.processor.tokenizer

    @property
    def vision_tower(self) -> nn.Module:
        """The image tower, for `lib.encoders.hooks` and `lib.editing.steering`."""
        return self.model.model.vision_tower

    @property
    def patch(self) -> int:
        """Side of a patch in pixels."""
        return int(self.processor.patch_size)

    @torch.inference_mode()
    def generate(self, images: list[Image.Image], prompts: list[str], max_new_tokens: int) -> list[str]:
        """One greedy answer of at most so many tokens for each picture and its prompt."""
        if max_new_tokens < 1:
            raise CompanionError(f"max_new_tokens is {max_new_tokens}; ask for at least one token")
        answers = []
        for inputs in self.batches(images, prompts):
            tokens = self.model.generate(  # type: ignore[misc]
                **inputs, do_sample=False, num_beams=1, max_new_tokens=max_new_tokens
            )
            new = tokens[:, inputs["input_ids"].shape[1] :]
            answers += self.tokenizer.batch_decode(new, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return [answer.strip() for answer in answers]

    @torch.inference_mode()
    def yes_probability(self, images: list[Image.Image], questions: list[str]) -> np.ndarray:
        """float64 (n,): P(yes) / (P(yes) + P(no)) for the first token of each answer, in any case of the letters."""
        logits = []
        for inputs in self.batches(images, questions):
            last = self.model(**inputs, position_ids=places(inputs["attention_mask"]), logits_to_keep=1).logits[:, 0]
            sums = [last[:, self.first_tokens(word)].double().logsumexp(dim=1) for word in ("yes", "no")]
            logits.append(sums[0] - sums[1])
        return torch.cat(logits).sigmoid().cpu().numpy()

    @torch.inference_mode()
    def log_likelihood(self, images: list[Image.Image], prompts: list[str], answers: list[str]) -> np.ndarray:
        """float64 (n,): the log-probability, in nats, of each answer's tokens after its prompt, its end left out."""
        if len(answers) != len(prompts):
            raise CompanionError(
                f"{self.name}: {len(answers)} answers, {len(prompts)} prompts; give one answer for each"
            )
        self._check_words(answers)
        sums = []
        for start, inputs in zip(range(0, len(answers), BATCH), self.batches(images, prompts), strict=True):
            said = self.tokenizer(
                answers[start : start + BATCH],
                add_special_tokens=False,
                padding=True,
                padding_side="right",
                return_tensors="pt",
            ).to(self.device)
            mask = torch.cat([inputs["attention_mask"], said["attention_mask"]], dim=1)
            logits = self.model(
                input_ids=torch.cat([inputs["input_ids"], said["input_ids"]], dim=1),
                attention_mask=mask,
                position_ids=places(mask),
                pixel_values=inputs["pixel_values"],
                logits_to_keep=said["input_ids"].shape[1] + 1,
            ).logits[:, :-1]
            each = logits.double().log_softmax(dim=-1).gather(2, said["input_ids"][..., None])[..., 0]
            sums.append((each * said["attention_mask"]).sum(dim=1))
        return torch.cat(sums).cpu().numpy()

    def batches(self, images: list[Image.Image], prompts: list[str]) -> Iterator[Any]:
        """Model inputs of BATCH pictures each, padded on the left, so that every answer begins at the end."""
        if not images or len(images) != len(prompts):
            raise CompanionError(f"{self.name}: {len(images)} images, {len(prompts)} prompts; give one prompt for each")
        for image in images:
            if not isinstance(image, Image.Image):
                raise CompanionError(f"{self.name}: an image is a {type(image).__name__}; give PIL images")
        self._check_words(prompts)
        for start in range(0, len(images), BATCH):
            yield self.processor(
                images=[image.convert("RGB") for image in images[start : start + BATCH]],
                text=[self._ask(prompt) for prompt in prompts[start : start + BATCH]],
                padding=True,
                padding_side="left",
                return_tensors="pt",
            ).to(self.device, self.model.dtype)

    def _ask(self, prompt: str) -> str:
        content: Any = [{"type": "image"}, {"type": "text", "text": prompt}]
        return self.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)

    def _check_words(self, texts: list[str]) -> None:
        for text in texts:
            if not isinstance(text, str) or not text.strip():
                raise CompanionError(f"{self.name}: {text!r} is no text to ask or answer; give filled strings")
        for word in sorted({word for text in texts for word in text.split()}):
            if self.tokenizer.unk_token_id in self.tokenizer(word, add_special_tokens=False)["input_ids"]:
                raise CompanionError(f"{self.name} does not know the word {word!r}; ask in the words of its vocabulary")

    def first_tokens(self, word: str) -> list[int]:
        """The tokens with which the word can begin, as `yes` and as `Yes`."""
        tokens = {self.tokenizer(w, add_special_tokens=False)["input_ids"][0] for w in (word, word.capitalize())}
        return sorted(tokens - {self.tokenizer.unk_token_id})


def places(mask: torch.Tensor) -> torch.Tensor:
    """Positions of tokens that count from the first one that is no padding."""
    return (mask.cumsum(dim=1) - 1).clamp(min=0)


def load_llava(name: str | Path, *, revision: str | None = None, device: str = "cpu") -> Llava:
    """Load a LLaVA for inference, in float32 on a CPU and elsewhere in the precision of its files.

    name: a shipped model (`scenes-llava`), a local folder, or `hf-hub:org/repo`. revision: a commit or tag of the hub
    repository; pin it. Raises CompanionError for an unknown name or unusable files, NotAvailable where the hub cannot
    be reached or the device is not there.
    """
    check_device(device)
    folder = find_folder(str(name), "LLaVA", FILES, revision)
    check_folder(folder, "LLaVA")
    try:
        processor = LlavaProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = load_weights(LlavaForConditionalGeneration, folder, torch.float32 if device == "cpu" else "auto")
    except CompanionError:
        raise
    except Exception as error:  # torch, tokenizers and transformers each raise their own kinds
        raise CompanionError(f"{folder}: its files do not make a LLaVA ({str(error)[:300]})") from None
    is_hub = str(name).startswith("hf-hub:")
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors", ".jinja"))
    return Llava(
        name=str(name).removeprefix("hf-hub:") if is_hub else folder.name,
        identity={"encoder": "llava", "sha256": {path.name: sha256_file(path) for path in files}},
        model=model.to(device).eval(),  # type: ignore[arg-type]
        processor=processor,
        device=device,
    )
