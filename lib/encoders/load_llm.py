"""Load any supported multimodal LLM, according to its config."""

from __future__ import annotations

from pathlib import Path

from lib.encoders.llava import Llava
from lib.encoders.multimodal_llm import MultimodalLLM, load_as
from lib.encoders.qwen2_vl import Qwen2VL

CLASSES: tuple[type[MultimodalLLM], ...] = (Llava, Qwen2VL)


def load_llm(name: str | Path, *, revision: str | None = None, device: str = "cpu") -> MultimodalLLM:
    """Load a LLaVA or a Qwen2-VL, such as `hf-hub:Qwen/Qwen2-VL-7B-Instruct`.

    It works like `lib.encoders.multimodal_llm.load_as` and raises the same errors.
    """
    return load_as(CLASSES, name, revision, device)
