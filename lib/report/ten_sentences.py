"""A summary of the four papers in ten sentences, whose verdicts and numbers come from the claims."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from lib.base.errors import CompanionError
from lib.base.yaml import load_yaml
from lib.report.claims import Claim, Measured
from lib.report.register import spec_of
from lib.report.verdicts import VERDICTS

SENTENCES = Path(__file__).with_suffix(".yaml")
BRACKET = re.compile(r"\[(p\d\.C?\d+)(?: ([\w-]+) ([^\]]+))?\]")
Worlds = Mapping[str, Mapping[str, Claim]]


def ten_sentences(worlds: Worlds) -> list[tuple[str, str]]:
    """Return topic and sentence of each entry of `ten_sentences.yaml`, filled from the claims by world and id."""
    return [
        (one["topic"], BRACKET.sub(lambda match: _filled(match, worlds), one["sentence"])) for one in raw_sentences()
    ]


def raw_sentences() -> list[dict[str, str]]:
    """Read the entries of `ten_sentences.yaml` with their brackets."""
    return load_yaml(SENTENCES)


def said_verdicts(worlds: Worlds, id: str) -> str:
    """Write the verdicts of a claim with the worlds of each: `reproduced (photos, scenes), weaker (sounds)`."""
    where = {
        verdict: [world for world, claims in worlds.items() if id in claims and claims[id].verdict == verdict]
        for verdict in VERDICTS
    }
    said = [f"{verdict} ({', '.join(names)})" for verdict, names in where.items() if names]
    return ", ".join(said) or "not tested"


def said_effect(worlds: Worlds, id: str, world: str, name: str) -> str:
    """Write the mean of a claim's part or control in a world with two decimals, or `not measured` if there is none."""
    spec, claim = spec_of(id), worlds.get(world, {}).get(id)
    if name not in ("positive", "negative", *(part.name for part in spec.parts)):
        raise CompanionError(f"claim {id} has no part {name!r}; name one of lib/papers/p?/claims.yaml")
    if claim is None:
        return "not measured"
    numbers: dict[str, Measured | None] = {"positive": claim.positive, "negative": claim.negative}
    found = (numbers | {part.name: part for part in claim.parts}).get(name)
    return "not measured" if found is None else f"{found.mean:.2f}"


def open_verdicts(worlds: Worlds) -> dict[str, list[str]]:
    """List claims that another run or world could decide differently: `near a margin`, `undecided`, `not testable`.

    Each is named with its world, such as `p1.C3 (scenes)`.
    """
    sorts = {
        "near a margin": lambda claim: claim.near,
        "undecided": lambda claim: claim.verdict == "undecided",
        "not testable": lambda claim: claim.verdict == "not testable here",
    }
    return {
        sort: [f"{id} ({world})" for world, claims in worlds.items() for id, claim in claims.items() if is_one(claim)]
        for sort, is_one in sorts.items()
    }


def _filled(match: re.Match[str], worlds: Worlds) -> str:
    id, world, name = match.groups()
    spec_of(id)  # an id that is in no register is an error
    return said_verdicts(worlds, id) if world is None else said_effect(worlds, id, world, name)
