"""Tables of notebook 22 on scenes without pairs: rules by seed, and the chance of yes."""

from __future__ import annotations

import torch

from lib.editing.concept_decoding import decoding_rules
from lib.papers.p2.n22_hallucination import chance_of_yes, rules_of, scenes_llava


def logits(seed: int) -> torch.Tensor:
    return torch.randn(3, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_rules_by_name_and_seed() -> None:
    plain, noisy = logits(0), logits(1)
    edited = {("concepts, additive", 0): logits(2), ("concepts, additive", 1): logits(3), ("oracle", None): logits(4)}
    found = rules_of(plain, noisy, edited)
    names = {(rule, None) for rule in ("regular", "greedy", "cut only", "contrast with noise")}
    assert set(found) == names | set(edited) | {(f"{rule}, no cut", seed) for rule, seed in edited}
    for (rule, seed), chances in found.items():
        mine = {name: rows for (name, of), rows in edited.items() if of == seed}
        assert torch.equal(chances, decoding_rules(plain, noisy, mine)[rule])


def test_the_chance_of_yes_counts_every_way_to_begin_with_it() -> None:
    model = scenes_llava()
    chances = torch.zeros(2, len(model.tokenizer), dtype=torch.float64)
    chances[0, model.first_tokens("yes")] = 0.5 / len(model.first_tokens("yes"))
    chances[1, model.first_tokens("no")] = 1
    assert chance_of_yes(model, chances).tolist() == [0.5, 0]
