"""A Qwen2-VL of the true class, with random weights that make it sure of something and a tokenizer of bytes."""

from __future__ import annotations

from pathlib import Path

import torch

from lib.encoders.shim import ensure_torchvision

ensure_torchvision()
from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: E402
from transformers import (  # noqa: E402
    GenerationConfig,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

WIDTH, PATCH, BLOCKS = 32, 8, 2
SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
    "{{ '<|vision_start|><|image_pad|><|vision_end|>' if part['type'] == 'image' else part['text'] }}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MERGES = [("y", "e"), ("ye", "s"), ("Y", "e"), ("Ye", "s"), ("n", "o"), ("N", "o")]


def make_processor() -> Qwen2VLProcessor:
    """Bytes, yes and no as tokens; pictures of 8 x 8 to 64 x 64 pixels."""
    words = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(pair) for pair in MERGES)]
    bytes_ = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, MERGES))
    bytes_.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL),
        model_input_names=["input_ids", "attention_mask"],
    )
    look = {"patch_size": PATCH, "merge_size": 2, "temporal_patch_size": 2}
    size = {"shortest_edge": (2 * PATCH) ** 2, "longest_edge": 64**2}
    return Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessorPil(**look, size=size),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(**look, size=size),
        chat_template=TEMPLATE,
    )


def make_model(processor: Qwen2VLProcessor) -> Qwen2VLForConditionalGeneration:
    """Two blocks of language and two of vision, of width 32."""
    number = processor.tokenizer.convert_tokens_to_ids
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": len(processor.tokenizer),
            "hidden_size": WIDTH,
            "intermediate_size": 64,
            "num_hidden_layers": BLOCKS,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "rope_parameters": {"rope_type": "default", "rope_theta": 100.0, "mrope_section": [2, 3, 3]},
            "bos_token_id": None,
            "eos_token_id": number("<|im_end|>"),
            "pad_token_id": number("<|endoftext|>"),
        },
        vision_config={"depth": 2, "embed_dim": WIDTH, "hidden_size": WIDTH, "num_heads": 2, "patch_size": PATCH},
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)  # only the initial weights; the next ones come from a generator
        model = Qwen2VLForConditionalGeneration(config).eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    model.generation_config = GenerationConfig(
        eos_token_id=number("<|im_end|>"),
        pad_token_id=number("<|endoftext|>"),
        do_sample=True,
        temperature=0.5,
        repetition_penalty=5.0,
    )
    return model


def save(folder: Path) -> Path:
    """The folder with such a model in it."""
    processor = make_processor()
    make_model(processor).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
