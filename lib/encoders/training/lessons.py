"""Training data for a multimodal LLM of the scenes world: pictures, with all the questions about each in one row.

All questions about a picture share one forward pass: each attends only to the picture and itself, and its positions are
counted as if it came directly after the picture, so it is learnt as if it were asked alone. Where a scene has an
opening, a question that is answered first, the others also see that, as the second turn of a conversation does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import IterableDataset

from lib.data.scenes.layout import SIDE, Layout
from lib.data.scenes.questions import Question, describe, list_kinds, name_main, random_of, yes_no_questions
from lib.data.scenes.scene_grammar import VALUES
from lib.data.scenes.scene_pairs import layout_of, picture_of
from lib.encoders.training.stream import SEED, patch_facts

FIRST_SCENE = 200_000 * 128
"""The LLM learns from scenes that neither the CLIP nor the judge used; all have the same seed."""


class Lesson(NamedTuple):
    """A batch of pictures with all their questions, each row `USER: <image>...` and then one question after another.

    pixels: uint8 (b, 3, 64, 64). tokens, group, place, target: int64 (b, length): the token; 0 in the shared
    beginning, else the number of its question, -1 in padding; its position as if its question were alone; the answer's
    word to predict after it, or -100. shown: int64 (b, patches, 2): for each patch, the rows of `shown_words` to name.
    """

    pixels: torch.Tensor
    tokens: torch.Tensor
    group: torch.Tensor
    place: torch.Tensor
    target: torch.Tensor
    shown: torch.Tensor


SHOWN = (VALUES[0], VALUES[1], VALUES[9], VALUES[10])
"""The facts that patches name: kind and colour of the object that covers one, else the background's colour and pattern.
"""
_FIRST = np.cumsum([0, *(len(values) for values in SHOWN)])


def shown_codes(layout: Layout, patch: int) -> np.ndarray:
    """Return the two names of each patch, numbered through all of SHOWN, int64 (patches, 2)."""
    facts = patch_facts(layout, patch)[:, :2]
    ground = _FIRST[2:4] + np.array([layout.background, layout.pattern])
    return np.where(facts[:, :1] < len(SHOWN[0]), _FIRST[:2] + facts, ground)


def shown_words(words: dict[str, int]) -> torch.Tensor:
    """Return an even distribution over the words of every name of SHOWN, float32 (names, vocabulary)."""
    table = torch.zeros(int(_FIRST[-1]), len(words))
    for row, name in enumerate(name for values in SHOWN for name in values):
        numbers = [words[word] for word in name.split()]
        table[row, numbers] = 1 / len(numbers)
    return table


class Taught(NamedTuple):
    """A training scene and the questions about it."""

    layout: Layout
    """The content of the scene."""
    pixels: np.ndarray
    """Its picture, uint8 (64, 64, 3)."""
    questions: list[Question]
    """The questions, each asked separately."""
    opening: Question | None = None
    """A question that is asked and answered before each of the others, or None."""


def questions_of(row: int) -> list[Question]:
    """List all questions about a training scene."""
    layout = layout_of("train", SEED, row)
    random = random_of("train", SEED, row)
    return [describe(layout), list_kinds(layout), name_main(layout), *yes_no_questions(layout, random)]


def plain_scene(row: int) -> Taught:
    """Draw training scene `row` of the plain scenes, with its questions."""
    return Taught(layout_of("train", SEED, row), picture_of("train", SEED, row), questions_of(row))


def pack(
    questions: list[Question], encode: Callable[[str], list[int]], patches: int, opening: Question | None = None
) -> np.ndarray:
    """Pack the tokens, group, place and target of one scene's row of a Lesson into int64 (4, length)."""
    begin = encode("USER:" + " <image>" * patches)
    learnt = [-100] * len(begin)
    if opening is not None:
        asked, said = encode(f"{opening.prompt} ASSISTANT:"), encode(f"{opening.answer} </s>")
        begin += [*asked, *said, *encode("USER:")]
        learnt += [-100] * (len(asked) - 1) + said + [-100] * 2
    parts = [np.array([begin, [0] * len(begin), range(len(begin)), learnt], dtype=np.int64)]
    for number, question in enumerate(questions, start=1):
        asked, said = encode(f"{question.prompt} ASSISTANT:"), encode(f"{question.answer} </s>")
        tokens = asked + said[:-1]
        places = range(len(begin), len(begin) + len(tokens))
        parts.append(np.array([tokens, [number] * len(tokens), places, [-100] * (len(asked) - 1) + said]))
    return np.concatenate(parts, axis=1)


class Lessons(IterableDataset):
    """A dataset in which lesson `step` is about scenes FIRST_SCENE + step * batch and on, so that training can resume.

    words: the number of every word. patch: side of the tower's patches in pixels. scene: draws a training scene.
    """

    def __init__(
        self, words: dict[str, int], patch: int, batch: int, steps: range, scene: Callable[[int], Taught] = plain_scene
    ) -> None:
        self.words, self.patch, self.batch, self.steps, self.scene = words, patch, batch, steps, scene

    def __iter__(self) -> Iterator[Lesson]:
        patches = (SIDE // self.patch) ** 2

        def encode(text: str) -> list[int]:
            return [self.words[word] for word in text.split()]

        for step in self.steps:
            rows = range(FIRST_SCENE + step * self.batch, FIRST_SCENE + (step + 1) * self.batch)
            taught = [self.scene(row) for row in rows]
            packed = [pack(one.questions, encode, patches, one.opening) for one in taught]
            whole = np.empty((4, self.batch, max(part.shape[1] for part in packed)), dtype=np.int64)
            whole[:] = np.array([self.words["<pad>"], -1, 0, -100])[:, None, None]
            for i, part in enumerate(packed):
                whole[:, i, : part.shape[1]] = part
            pixels = np.stack([one.pixels for one in taught])
            shown = np.stack([shown_codes(one.layout, self.patch) for one in taught])
            images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
            tokens, group, place, target = torch.from_numpy(whole).unbind()
            yield Lesson(images, tokens, group, place, target, torch.from_numpy(shown))


def visible(group: torch.Tensor) -> torch.Tensor:
    """Say which tokens each one sees: earlier ones of the picture and of its question; bool (b, 1, length, length)."""
    length = group.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    mine = group[:, :, None] == group[:, None, :]
    return ((mine | (group[:, None, :] == 0)) & causal)[:, None]
