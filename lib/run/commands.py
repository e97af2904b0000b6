"""What is done by hand and not in notebooks: embed a world, train a dictionary, score an encoder on a protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lib.data.files import write_atomic
from lib.run import protocols
from lib.run.profiles import Profile
from lib.run.start import open_session
from lib.run.studies import explore, vl_concepts
from lib.run.studies.dictionaries import Recipe, fit
from lib.run.studies.explorer_page import explorer_page
from lib.run.worlds import open_world


def embed(profile: Profile) -> Iterator[str]:
    """Embed every split of a profile's world, or find it in the cache; one line a split and encoder."""
    world = open_world(profile)
    for split in world.sizes:
        mine = world.embeddings(split)
        yield f"{split:<6} {mine.encoder:<16} {len(mine)} pairs, {mine.tower('image').shape[1]} dimensions"
        for name, judge in world.judges(split).items():
            yield f"{split:<6} judge: {name:<9} {len(judge)} pairs, {judge.tower('image').shape[1]} dimensions"


def train(profile: Profile, recipe: Recipe, seed: int) -> Iterator[str]:
    """Train a dictionary on the training images of a profile's world, and say what it does on unseen ones."""
    fitted = fit(open_session("train", profile), recipe, seed)
    yield f"{recipe.name}, {fitted.sae.width} latents, K {recipe.k}, seed {seed}, {profile.sae.steps} steps"
    yield (
        f"on {len(fitted.codes)} unseen images: FVU {fitted.fidelity.fvu:.4f}, L0 {fitted.firing.l0:.2f}, "
        f"dead {fitted.firing.dead_share:.1%}"
    )


def score(profile: Profile, protocol: str, photos: Path) -> str:
    """The scores of a profile's encoder on a published protocol, as a table."""
    table = protocols.score(protocol, open_world(profile).encoder, photos)
    return table.to_string(index=False, float_format="%.1f")


def explorer(profile: Profile, file: Path) -> str:
    """Write the pages of notebook 80 as one HTML file; what it takes is trained first, or found in the cache."""
    session = open_session("80_explorer", profile)
    concepts = explore.Concepts(session, vl_concepts.fit(session, vl_concepts.MAIN[-1], session.seeds[0]))
    write_atomic(file, explorer_page(concepts, explore.Edits(session), explore.Steering(session), asked=["a red cat"]))
    return f"{file}, {file.stat().st_size / 1e6:.1f} MB; open it in a browser"
