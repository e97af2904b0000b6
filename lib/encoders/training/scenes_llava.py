"""Train the small multimodal LLM of the scenes world: `python -m lib.encoders.training.scenes_llava`.

It is a small LLaVA-1.5 (Liu et al., CVPR 2024): the frozen image tower of scenes-clip; the next-to-last hidden states
of its patches, through a two-layer projector; and a Llama that is trained from random weights. The loss is the
cross-entropy of the answers' words. In addition, each projected patch must name what it shows: LLaVA first aligns its
projector with words in a separate stage, and we do it at the same time.
You can stop the run and start it again; it continues from its last checkpoint. It takes half an hour on two cores.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
import typer
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from lib.base.files import cache_root
from lib.base.places import MODELS
from lib.data.scenes.questions import (
    NEGATIVES,
    describe,
    list_kinds,
    name_main,
    object_questions,
    random_of,
    read,
    vocabulary,
    yes_no_questions,
)
from lib.data.scenes.scene_pairs import layout_of, picture_of
from lib.encoders.clip import load_clip
from lib.encoders.llava import Llava, load_llava
from lib.encoders.shim import ensure_torchvision
from lib.encoders.training.lessons import Lesson, Lessons, Taught, plain_scene, shown_words, visible
from lib.encoders.training.recipe import attention_in_float32, load_state, muon_and_adamw, save_state, schedule
from lib.encoders.vision_tower import to_transformers

ensure_torchvision()
from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: E402 (transformers needs a working torchvision first)
from transformers import (  # noqa: E402
    CLIPImageProcessor,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)


@dataclass(frozen=True)
class Course:
    """The settings of a training."""

    name: str
    """The model's name, which is also that of its folder and of its checkpoints' folder."""
    steps: int
    """Number of batches."""
    batch: int
    """Scenes per batch."""
    muon: float
    """The peak rate for the matrices of the decoder's blocks."""
    adamw: float
    """The peak rate for everything else."""
    scene: Callable[[int], Taught] = plain_scene
    """Draws a training scene by its number."""


COURSE = Course("scenes-llava", steps=1000, batch=48, muon=4e-3, adamw=1.5e-3)
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "<image>")
ROLES = ("USER:", "ASSISTANT:")
TEMPLATE = (
    "{% for message in messages %}USER: {% for part in message['content'] %}"
    "{{ '<image>\n' if part['type'] == 'image' else part['text'] + ' ' }}{% endfor %}{% endfor %}ASSISTANT:"
)
"""The chat template of LLaVA-1.5 for one turn: `USER: <image>\\n{prompt} ASSISTANT:`."""


def make_processor() -> LlavaProcessor:
    """Make a word-level tokenizer over the scenes' vocabulary, and the picture preparation of scenes-clip."""
    clip = load_clip("scenes-clip")
    words = {word: number for number, word in enumerate((*SPECIAL, *ROLES, *vocabulary()))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))  # noqa: S106  # a word of the vocabulary
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    names = dict(zip(("pad_token", "bos_token", "eos_token", "unk_token"), SPECIAL, strict=False))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **names,
        extra_special_tokens={"image_token": "<image>"},
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
    )
    size, preprocessing = clip.image_size[0], clip.identity["preprocessing"]
    return LlavaProcessor(
        image_processor=CLIPImageProcessor(
            size={"shortest_edge": size},
            crop_size={"height": size, "width": size},
            image_mean=preprocessing["mean"],
            image_std=preprocessing["std"],
        ),
        tokenizer=fast,
        patch_size=clip.visual.patch_size[0],  # type: ignore[index]
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )


def make_model(tokenizer: PreTrainedTokenizerFast, seed: int, layers: int = 4) -> LlavaForConditionalGeneration:
    """Make the model: the frozen tower, a projector, and a decoder of `layers` layers with random weights."""
    tower = to_transformers(load_clip("scenes-clip").visual)
    decoder = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    config = LlavaConfig(
        vision_config=tower.config,
        text_config=decoder,
        image_token_index=tokenizer.get_vocab()["<image>"],
        image_seq_length=tower.embeddings.num_patches,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # only the initial weights; the fork leaves the caller's generator alone
        model = LlavaForConditionalGeneration(config)
    model.model.vision_tower.load_state_dict(tower.state_dict())
    model.model.vision_tower.requires_grad_(False)
    return model


class Teacher:
    """The two losses of a model. mean and scale: those of pixels from 0 to 255."""

    def __init__(self, model: LlavaForConditionalGeneration, processor: LlavaProcessor) -> None:
        self.model, self.words = model, shown_words(processor.tokenizer.get_vocab())
        look = processor.image_processor
        self.mean, self.scale = (255 * torch.tensor(v).view(1, 3, 1, 1) for v in (look.image_mean, look.image_std))

    def losses(self, lesson: Lesson) -> dict[str, torch.Tensor]:
        """Return the mean cross-entropy of the answers' tokens, and that of the patches' words."""
        pixels = (lesson.pixels.float() - self.mean) / self.scale
        images = torch.stack(list(self.model.model.get_image_features(pixel_values=pixels).pooler_output))
        return {"answers": self.answers(images, lesson), "patches": self.patches(images, lesson)}

    def answers(self, images: torch.Tensor, lesson: Lesson) -> torch.Tensor:
        words = self.model.get_input_embeddings()(lesson.tokens)
        hidden = self.model.model.language_model(
            inputs_embeds=torch.cat([words[:, :1], images.to(words.dtype), words[:, 1 + images.shape[1] :]], dim=1),
            attention_mask=visible(lesson.group),
            position_ids=lesson.place,
            use_cache=False,
        ).last_hidden_state
        told = lesson.target != -100
        return F.cross_entropy(self.model.lm_head(hidden[told]).float(), lesson.target[told])

    def patches(self, images: torch.Tensor, lesson: Lesson) -> torch.Tensor:
        logits = self.model.lm_head(F.rms_norm(images.float(), images.shape[-1:])).float()
        return F.cross_entropy(logits.flatten(0, 1), self.words[lesson.shown].mean(dim=2).flatten(0, 1))


def train(model: LlavaForConditionalGeneration, processor: LlavaProcessor, course: Course = COURSE) -> None:
    """Run or resume the training, with a checkpoint and a line of the log every 100 steps."""
    work = cache_root() / "training" / course.name
    work.mkdir(parents=True, exist_ok=True)
    peaks = (course.muon, course.adamw)
    optimisers = muon_and_adamw(model, model.model.language_model.layers, *peaks)
    start = load_state(work / "state.safetensors", model, optimisers)
    teacher, steps = Teacher(model, processor), range(start, course.steps)
    lessons = Lessons(processor.tokenizer.get_vocab(), processor.patch_size, course.batch, steps, course.scene)
    loader = DataLoader(lessons, batch_size=None, num_workers=1, prefetch_factor=4)
    bar = tqdm(enumerate(loader, start), total=course.steps, initial=start)
    for step, lesson in bar:
        for optimiser, peak in zip(optimisers, peaks, strict=True):
            optimiser.param_groups[0]["lr"] = peak * schedule(step, course.steps)
            optimiser.zero_grad()
        with attention_in_float32(), torch.autocast("cpu", torch.bfloat16):
            losses = teacher.losses(lesson)
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
        if (step + 1) % 100 == 0 or step + 1 == course.steps:
            save_state(work / "state.safetensors", model, optimisers, step + 1)
            line = {"step": step + 1, **{k: round(v.item(), 4) for k, v in losses.items()}}
            bar.set_postfix(line)
            with open(work / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")


def ship(model: LlavaForConditionalGeneration, processor: LlavaProcessor, course: Course = COURSE) -> Path:
    """Write the folder that the repository ships, with weights in float16, and return it."""
    folder = MODELS / course.name
    model.half().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def examine(llava: Llava, scenes: int = 400) -> dict[str, float]:
    """Measure its answers on unseen scenes of the test split, one in ten with a held-out pair of kind and colour."""
    layouts = [layout_of("test", 0, row) for row in range(scenes)]
    images = [Image.fromarray(picture_of("test", 0, row)) for row in range(scenes)]
    measured: dict[str, float] = {}
    for ask, longest in ((describe, 40), (list_kinds, 20), (name_main, 4)):
        truth = [ask(layout) for layout in layouts]
        said = [set(read(text)) for text in llava.generate(images, [q.prompt for q in truth], longest)]
        true = [set(read(q.answer)) for q in truth]
        both = sum(len(s & t) for s, t in zip(said, true, strict=True))
        measured[f"{truth[0].family}: precision"] = both / max(1, sum(map(len, said)))
        measured[f"{truth[0].family}: recall"] = both / sum(map(len, true))
    asked = [(row, "", q) for row in range(scenes) for q in yes_no_questions(layouts[row], random_of("test", 0, row))]
    asked += [
        (r, f", {how}", q) for how in NEGATIVES for r in range(scenes) for q in object_questions("test", 0, r, how)
    ]
    yes = llava.yes_probability([images[row] for row, _, _ in asked], [q.prompt for _, _, q in asked]) > 0.5
    right: dict[str, list[bool]] = {}
    for (_, how, question), answer in zip(asked, yes.tolist(), strict=True):
        right.setdefault(f"{question.family}{how}: accuracy", []).append(answer == (question.answer == "yes"))
    return measured | {name: sum(values) / len(values) for name, values in right.items()}


def main(seed: int = 2) -> None:
    """Train from the seed, write the shipped model, and examine it on unseen scenes."""
    processor = make_processor()
    model = make_model(processor.tokenizer, seed)
    train(model, processor)
    print(json.dumps(examine(load_llava(ship(model, processor))), indent=2))


if __name__ == "__main__":
    typer.run(main)
