"""Published models: which verdicts on their embeddings depend on the model."""

from __future__ import annotations

from collections.abc import Mapping

from lib.report.verdicts import VERDICTS

MODELS = {
    "caltech-b32": "CLIP ViT-B/32",
    "clip-arrays": "CLIP ViT-B/16",
    "flickr-b32": "CLIP ViT-B/32",
    "imagenet-b32": "CLIP ViT-B/32",
    "labels-b32": "CLIP ViT-B/32",
    "products-fashionclip": "FashionCLIP",
    "unsplash-b16": "CLIP ViT-B/16",
}
"""The published model of each world whose embeddings others have computed."""

DECIDED = tuple(verdict for verdict in VERDICTS if verdict not in ("undecided", "not testable here"))
"""Verdicts that say something about the claim."""


def model_sentence(verdicts: Mapping[str, str]) -> str:
    """Say whether a claim's verdict depends on the published model; verdicts: by world, "" where it was not run.

    The sentence is empty where no published model was asked. Undecided and not testable verdicts are left out.
    """
    asked = {world: verdict for world, verdict in verdicts.items() if verdict and world in MODELS}
    if not asked:
        return ""
    found: dict[str, dict[str, str]] = {}
    for world, verdict in asked.items():
        if verdict in DECIDED:
            found.setdefault(MODELS[world], {})[world] = verdict
    if not found:
        return "no published model decides it."
    told = "; ".join(f"{model} {_told(worlds)}" for model, worlds in sorted(found.items()))
    if len(found) == 1:
        return f"only one published model decides it: {told}."
    kinds = {model: set(worlds.values()) for model, worlds in found.items()}
    if len(set().union(*kinds.values())) == 1:
        return f"the same verdict with each published model: {told}."
    if all(len(kind) == 1 for kind in kinds.values()):
        return f"the verdict depends on the model or on its data: {told}."
    return f"the verdict depends on the data of one model already: {told}."


def _told(worlds: Mapping[str, str]) -> str:
    by_verdict: dict[str, list[str]] = {}
    for world, verdict in worlds.items():
        by_verdict.setdefault(verdict, []).append(world)
    return ", ".join(f"{verdict} ({', '.join(names)})" for verdict, names in by_verdict.items())
