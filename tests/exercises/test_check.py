"""What `check` says about answers that are right, wrong, missing or of another form."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from exercises import (
    notebook_01,
    notebook_10,
    notebook_11,
    notebook_12,
    notebook_13,
    notebook_20,
    notebook_21,
    notebook_22,
    notebook_23,
    notebook_24,
    notebook_31,
    notebook_32,
    notebook_33,
    notebook_40,
    notebook_41,
    notebook_42,
)
from lib.apps.classroom import read_exercises
from lib.apps.exercises.check import all_checks, check, what_is_wrong
from lib.base.errors import CompanionError
from lib.base.files import ROOT

SOLVED = (
    *(notebook_01, notebook_10, notebook_11, notebook_12, notebook_13),
    *(notebook_20, notebook_21, notebook_22, notebook_23, notebook_24, notebook_31, notebook_32, notebook_33),
    *(notebook_40, notebook_41, notebook_42),
)


def named(name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
    answer.__name__ = name
    return answer


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def cosine(x: np.ndarray, t: np.ndarray) -> float:
    return float(x @ t / np.linalg.norm(x) / np.linalg.norm(t))


def one_way(first: torch.Tensor, second: torch.Tensor, scale: float) -> torch.Tensor:
    """Half of a contrastive loss: rows of the first find those of the second."""
    cosines = torch.nn.functional.normalize(first) @ torch.nn.functional.normalize(second).T
    return torch.nn.functional.cross_entropy(scale * cosines, torch.arange(len(first)))


def wrongly_cut(chance: np.ndarray, yes: np.ndarray, cut: float) -> float:
    """Expected accuracy if answers stay whose own chance is the cut at least."""
    right, wrong = (
        np.where(one < cut, 0, one) for one in (np.where(yes, chance, 1 - chance), np.where(yes, 1 - chance, chance))
    )
    return float((right / (right + wrong).clip(1e-9)).mean())


def solutions(source: ModuleType) -> list[Callable[..., Any]]:
    path = ROOT / "exercises" / f"{source.__name__.split('.')[1]}.py"
    return [getattr(source, exercise.name) for exercise in read_exercises(path)[1]]


@pytest.mark.parametrize("solution", [one for source in SOLVED for one in solutions(source)], ids=lambda f: f.__name__)
def test_a_solution_is_right(solution: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    check(solution)
    assert capsys.readouterr().out == f"[right] {solution.__name__}\n"


def test_every_check_has_an_exercise() -> None:
    names = {e.name for path in (ROOT / "exercises").glob("notebook_*.py") for e in read_exercises(path)[1]}
    assert set(all_checks()) <= names


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("distance_of_means", lambda x, t: np.linalg.norm(x.mean(0) - t.mean(0)), "divide every row by its length"),
        ("distance_of_means", lambda x, t: 0.0, "it gives 0.000"),
        ("two_pictures", lambda: (np.nan, 0.9), "give the latent all four"),
        ("two_pictures", lambda: (0.9, 0.5), "cosine 0.500"),
        ("two_pictures", lambda: (0.18, 0.9), "that weight cancels"),
        ("two_pictures", lambda: 0.9, "the exercise asks for two numbers"),
        ("lucky_latents", lambda: {2: 0.01, 5: 0, 20: 0, 80: 0}, "take the best of 1,000 latents"),
        ("lucky_latents", lambda: {2: 0.9, 5: 0.8, 20: 0.8, 80: 0.75}, "need a mean of 0"),
        ("lucky_latents", lambda: {2: 0.6, 5: 0.7, 20: 0.1, 80: 0}, "should fall with the support"),
        ("lucky_latents", lambda: {2: 0.6}, "the exercise asks for a dict of support"),
        ("lucky_latents", lambda: [0.6, 0.3], "the exercise asks for a dict of support"),
        ("mixed_latent", lambda: {0.5: 0.4, 0.8: 0.64, 1.0: 0.8}, "pairs of a cat and a car have a weight"),
        ("mixed_latent", lambda: {0.5: 0.4, 0.8: 0.5, 1.0: 0.8}, "count the pairs of each sort"),
        ("mean_depth", lambda paths: 2.0, "the depth 3"),
        ("mean_depth", lambda paths: (paths[0] == paths[1]).sum(), "stop at the first difference"),
        ("mean_depth", lambda paths: 3.0 * (paths[0] == paths[1]).all(), "count every pair once"),
        ("broad_latents", lambda: (2.25, 1.5), "not paired with itself"),
        ("broad_latents", lambda: (2.0, 1.4), "one group gives 2.000"),
        ("broad_latents", lambda: (2.2, 1.0), "four groups of one realm give 1.000"),
        ("narrow_is_pure", lambda: (-0.6, 0.0), "less support a higher score"),
        ("narrow_is_pure", lambda: (0.6, 0.6), "hold it fixed"),
        ("clamp_tokens", lambda code, decoded, W, k, alpha: decoded + alpha * W[k], "subtract the old value first"),
        ("clamp_tokens", lambda code, decoded, W, k, alpha: decoded, "is not what decoding the code"),
        ("clamp_tokens", lambda code, decoded, W, k, alpha: W[k], "a change of its own"),
        ("both", lambda named, formed, kept: named.mean() * formed.mean() * kept.mean(), "product of three means"),
        ("both", lambda named, formed, kept: (named * kept).mean(), "answers that are not well formed count"),
        ("both", lambda named, formed, kept: 1.0, "you give 1.000"),
        ("leaky_direction", lambda: (0.8, 0.0), "the share among the others"),
        ("leaky_direction", lambda: (0.6, 0.5), "independent concepts give 0.50"),
        ("leaky_direction", lambda: (0.2, 0.0), "without red"),
        ("untrained_share", lambda t, u, c: (u / t, u / t), "subtract chance from both"),
        ("untrained_share", lambda t, u, c: (0.0, 0.5), "the ratio 0.833"),
        ("untrained_share", lambda t, u, c: (u / t, (u - c) / t), "leave a half"),
        ("narrow_and_broad", lambda: (0.6, 0.4), "only a quarter is of one kind"),
        ("narrow_and_broad", lambda: (0.5, 0.3), "the latent of one kind scores 0.50"),
        ("narrow_and_broad", lambda: (0.6, 0.6), "the latent of the group scores 0.60"),
        ("two_denominators", lambda: (0.5, 0.00125), "no picture is paired with itself"),
        ("two_denominators", lambda: (0.0, 0.0), "the score is 0.000"),
        ("two_denominators", lambda: (0.5, 0.5), "divide by all pairs"),
        ("nearest_are_most_aligned", lambda: False, "the selections are equal"),
        ("lipschitz", lambda: 1.4, "compare unit vectors"),
        ("lipschitz", lambda: 0.1, "not a mean"),
        ("class_scores", lambda x, c, h, g, a: x @ c.T + a * h @ g.T, "divide every row by its length"),
        ("class_scores", lambda x, c, h, g, a: unit(x) @ unit(c).T, "it is not the cosine of the embeddings plus"),
        ("class_scores", lambda x, c, h, g, a: c @ x.T, "shape (3, 5)"),
        ("gain_of_choosing", lambda: 0.01, "give it in points"),
        ("gain_of_choosing", lambda: 0.0, "cannot lose"),
        ("gain_of_choosing", lambda: 60.0, "subtract the accuracy at weight 0"),
        ("accuracy_after_cut", lambda p, yes, cut: (np.where(yes, p, 1 - p) > 0.5).mean(), "removes nothing"),
        ("accuracy_after_cut", lambda p, yes, cut: np.where(yes, p, 1 - p).mean(), "whose yes then has the chance 1"),
        ("accuracy_after_cut", lambda p, yes, cut: wrongly_cut(p, yes, cut), "not with `cut` itself"),
        ("accuracy_after_cut", lambda p, yes, cut: np.where(yes, p, 1 - p).mean() - cut / 10, "and you give 0.525"),
        ("accuracy_after_cut", lambda p, yes, cut: notebook_22.accuracy_after_cut(p, yes, min(cut, 0.9)), "greedy"),
        ("accuracy_after_cut", lambda p, yes, cut: (p, yes), "the exercise asks for one number"),
        ("killed", lambda start, trained: (0.6, 0.5), "two of five"),
        ("killed", lambda start, trained: (0.4, 0.6), "of the latents that fired at the start"),
        ("killed", lambda start, trained: (0.4, 0.5), "two fell silent"),
        ("only_rare", lambda rows: 1 - (1 - 1 / 1000) ** rows, "fires at least once"),
        ("only_rare", lambda rows: 0.5, "misses each of them"),
        ("slopes", lambda c: (-1 / np.sqrt(2 - 2 * c), 1.0), "mind the minus"),
        ("slopes", lambda c: (1.0, 1.0), "the root of 2 - 2 cos"),
        ("slopes", lambda c: (1 / np.sqrt(2 - 2 * c), 0.0), "as fast as itself"),
        ("merged_by_the_paper", lambda: 0.972, "divide it by the activation"),
        ("merged_by_the_paper", lambda: 0.5, "the cosine is 0.50"),
        ("three_modalities", lambda: (np.sqrt(2) + 1) / np.sqrt(3), "upside down"),
        ("three_modalities", lambda: 1.0, "an L1 norm ignores sharing"),
        ("three_modalities", lambda: np.sqrt(3 / 2), "a latent of its own"),
        ("three_modalities", lambda: 0.5, "the ratio is 0.500"),
        ("only_the_gap", lambda: (0.4, 0.9), 'of "SAE-1b" and of "SAE-2b"'),
        ("only_the_gap", lambda: {"SAE-1b": 0.7, "SAE-2b": 0.7}, "are the directions equal"),
        ("only_the_gap", lambda: {"SAE-1b": 0.05, "SAE-2b": 0.6}, "take their cosine to 1"),
        ("batch_topk", lambda fit, k: np.where(fit >= np.sort(fit)[:, -k, None], fit, 0), "this is TopK"),
        ("batch_topk", lambda fit, k: np.where(fit >= np.sort(fit, axis=None)[-k * len(fit)], fit, 0), "cut them off"),
        ("batch_topk", lambda fit, k: fit, "the four largest should stay"),
        ("score_across", lambda a, b, e, f: (a @ e) @ (b @ f), "divide by the sum of the weights"),
        ("score_across", lambda a, b, e, f: (e @ f.T).mean(), "weight each by both"),
        ("score_across", lambda a, b, e, f: 0.5, "you give 0.500"),
        ("contrastive", lambda s, c, scale: one_way(s, c, scale), "one direction only"),
        ("contrastive", lambda s, c, scale: one_way(s, c, scale) + one_way(c, s, scale), "take their mean"),
        ("contrastive", lambda s, c, scale: torch.tensor(1.0), "you give 1.000"),
        ("found_first", lambda scores: (scores.diagonal() >= scores.max(axis=1)).mean(), "ties count for us"),
        ("found_first", lambda scores: 2 / 3, "a tie was broken"),
        ("edited_score", lambda z, mask, D, r, t: ((z * mask) @ D + r) @ t, "divide by the length"),
        ("edited_score", lambda z, mask, D, r, t: cosine((z * mask) @ D, t), "the residual is gone"),
        ("edited_score", lambda z, mask, D, r, t: cosine(z @ D + r, t), "a random pair scores"),
        ("query_of", lambda mask, D, t: D @ t, "for some code z"),
        ("query_of", lambda mask, D, t: t, "u has the shape (4,)"),
        ("too_few_facts", lambda: (13.0, 100.0), "not percent"),
        ("too_few_facts", lambda: (0.1, 0.7), "is the edit perfect"),
        ("too_few_facts", lambda: (0.9, 1.0), "compare each picture with all captions"),
        ("collapsed", lambda: {"optimistic": 0, "average": 0, "pessimistic": 0}, "every caption is first"),
        ("collapsed", lambda: {"optimistic": 1, "average": 1, "pessimistic": 0}, "50.5"),
        ("any_of_five", lambda: (0.001, 0.005), "five in a thousand"),
        ("any_of_five", lambda: (0.005, 0.5), "average over some draws"),
        ("the_leak", lambda: (0.01, 0.01), "edit every picture once"),
        ("the_leak", lambda: (1.0, 1.0), "by that pair's caption"),
        ("fooled", lambda own, altered: (0.25, 0.75), "compare with all of them"),
        ("fooled", lambda own, altered: (0.5, 1.0), "three of four prefer"),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(name: str, answer: Callable[..., Any], said: str) -> None:
    problem = what_is_wrong(named(name, answer))
    assert problem is not None and said in problem


def test_an_answer_that_is_not_written_yet(capsys: pytest.CaptureFixture[str]) -> None:
    check(named("clamp_tokens", lambda code, decoded, W_dec, k, alpha: None))
    check(named("clamp_tokens", lambda code, decoded, W_dec, k, alpha: torch.zeros(1)))
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "[to do] clamp_tokens returns nothing yet" and said[1].startswith("[not yet] clamp_tokens: five")


def test_an_error_of_the_learner_is_shown_as_it_is() -> None:
    def both(named: object, formed: object, kept: object) -> float:
        raise ValueError("my own")

    with pytest.raises(ValueError, match="my own"):
        check(both)
    with pytest.raises(CompanionError, match="there is no exercise 'three_pictures'"):
        check(named("three_pictures", lambda: 1))
