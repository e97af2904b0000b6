"""Any multimodal LLM that can be asked here, by what its config says it is."""

from __future__ import annotations

from pathlib import Path

from lib.encoders.llava import Llava
from lib.encoders.multimodal_llm import MultimodalLLM, load_as
from lib.encoders.qwen2_vl import Qwen2VL

CLASSES: tuple[type[MultimodalLLM], ...] = (Llava, Qwen2VL)


def load_llm(name: str | Path, *, revision: str | None = None, device: str = "cpu") -> MultimodalLLM:
    """Load a LLaVA or a Qwen2-VL, such as `hf-hub:Qwen/Qwen2-VL-7B-Instruct`.

    As `lib.encoders.multimodal_llm.load_as`, with its errors.
    """
    return load_as(CLASSES, name, revision, device)
