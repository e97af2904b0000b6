"""The explorer's pages on a small world: they show what the codes, masks and answers say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.apps.explorer import explore, explorer_page
from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.base.places import find_notebook, read_notebook
from lib.data.scenes.questions import read
from lib.papers.p2 import two_tower_dictionaries
from lib.worlds.session import Session
from tests.apps.explorer.small_explorer import shorten_page, small_arms, small_parts, small_session


@pytest.fixture
def session(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    return small_session(monkeypatch)


def test_latents(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = two_tower_dictionaries.fit_two_tower_arm(session, two_tower_dictionaries.VL_SAE, 0)
    concepts = explore.Concepts(session, fitted)
    scores = concepts.scores.score[concepts.latents]
    assert (np.diff(scores) <= 0).all()
    facts, image = concepts.facts(0), fitted.test[0].csr()
    latent = int(concepts.latents[0])
    assert facts["latent"] == latent and facts["pictures"] == (image[:, [latent]] > 0).sum()
    assert str(latent) not in facts["nearest latents"].split(", ")
    strongest = int(image[:, [latent]].toarray().ravel().argmax())
    assert concepts.top[0].rows[latent][0] == strongest
    assert len(concepts.captions(0)) == 4
    plt.close(concepts.figure(0))
    monkeypatch.setattr(explore, "ROW_PICTURES", 200)
    with pytest.raises(CompanionError, match="no latent has 200 pictures and 200 captions; train it longer"):
        explore.Concepts(session, fitted)


def test_examples_neighbours_and_how_often_a_latent_fires(session: Session) -> None:
    fitted = two_tower_dictionaries.fit_two_tower_arm(session, two_tower_dictionaries.VL_SAE, 0)
    concepts = explore.Concepts(session, fitted)
    dense = fitted.test[0].csr().toarray()
    for place in range(min(5, len(concepts.latents))):
        column = dense[:, concepts.number(place)]
        active = np.sort(column[column > 0])[::-1]
        examples, (density, counts) = concepts.examples(place), concepts.density(place)
        np.testing.assert_array_equal(column[examples["strongest"]], active[:4])
        np.testing.assert_array_equal(column[examples["weakest"]], active[-4:])
        middles = [column[rows].mean() for rows in examples.values()]
        assert middles == sorted(middles, reverse=True)
        assert density == (column > 0).mean() and sum(counts) == len(active) and len(counts) == explore.BINS
        decoder = fitted.sae.decoder_of("image")[0].detach().numpy()
        unit = decoder / np.linalg.norm(decoder, axis=1, keepdims=True)
        others = [other for other in range(len(concepts.latents)) if other != place]
        cosines = unit[concepts.latents] @ unit[concepts.number(place)]
        assert concepts.nearest(place, others, 1) == [max(others, key=lambda other: cosines[other])]


def test_the_page_has_kinds_as_well_as_the_best_latents(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = two_tower_dictionaries.fit_two_tower_arm(session, two_tower_dictionaries.VL_SAE, 0)
    concepts = explore.Concepts(session, fitted)
    last = len(concepts.latents) - 1
    names = {concepts.number(place): "colour:red" for place in range(last)} | {concepts.number(last): "kind:cat"}
    monkeypatch.setattr(explore.Concepts, "names", names)
    monkeypatch.setattr(
        explore.Concepts, "captions", lambda self, place: ["a cat"] if place == 1 else ["a red dog"] * 4
    )
    assert concepts.opening == 0 and concepts.chosen(4) == [0, 1, 2, last]
    monkeypatch.setattr(explore.Concepts, "names", {concepts.number(1): "kind:cat"})
    assert explore.Concepts(session, fitted).opening == 1


def test_what_a_clamp_that_works_says(session: Session) -> None:
    page = explore.Steering(session)
    page.drawn.concept[0] = read("cat")[0]
    assert page.sort(0) == "kind"
    assert page.works(0, "a red dog on the left", "a red cat on the left")
    assert not page.works(0, "a red cat on the left", "a red cat on the left"), "it was said before"
    assert not page.works(0, "a red dog on the left", "a cat cat cat"), "no description"
    place, strength, picture = page.opening
    answers = page.say(place, strength, picture)
    assert page.works(place, *answers.values()) or page.opening == (0, explore.STRENGTHS[0], explore.DESCRIBED[0])


def test_captions(session: Session) -> None:
    edits = explore.Edits(session, small_arms())
    caption = session.world.pairs("test").captions[0][0]
    best = edits.ranking(caption)
    text = session.world.encoder.encode_texts([caption])[0]
    assert best["unedited"][0] == (edits.pictures.tower("image") @ text).argmax()
    kept = edits.kept(caption)
    assert kept["mask"].is_monotonic_decreasing and kept["mask"].between(0, 1).all()
    assert set(kept.latent) == set(edits.codes.csr()[[int(best["edited"][0])]].indices)
    plt.close(edits.figure(caption))


def test_steering(session: Session) -> None:
    page = explore.Steering(session)
    assert page.concept(0) and len(page.drawn.latent) > 0
    answers = page.say(0, 0.0, 1)
    assert set(answers) == {"plain", "clamped"} and all(answers.values())
    assert explore.told(answers).startswith("plain: ")
    plt.close(page.figure(1))
    names, places = zip(*page.choices(), strict=True)
    assert list(names) == sorted(set(names)) and sorted(places) == list(range(len(page.drawn.latent)))
    assert all(name.startswith(page.concept(place)) for name, place in page.choices())
    assert page.last_picture == 9


def test_the_page_without_a_kernel(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_page(monkeypatch, latents=3, captions=1)
    concepts, edits, clamps = small_parts(session)
    collected = explorer_page.explorer_data(concepts, edits, clamps, asked=["a red </script> cat"])
    html = explorer_page.render_explorer(collected, explorer_page.read_pictures(collected, session.world))
    assert html.count("</script>") == 2
    (text,) = re.findall(r'<script type="application/json" id="data">(.*)</script>', html)
    data = json.loads(text)
    places = concepts.chosen(3)
    assert [page["latent"] for page in data["latents"]] == [concepts.number(place) for place in places]
    assert [page["captions"] for page in data["latents"]] == [concepts.captions(place) for place in places]
    for place, page in zip(places, data["latents"], strict=True):
        assert set(page["nearest"]) <= {other["latent"] for other in data["latents"]} - {page["latent"]}
        assert sum(page["histogram"]) == concepts.facts(place)["pictures"]
        assert page["examples"]["strongest"] == [f"test {row}" for row in concepts.top[0].rows[page["latent"]][:4]]
    assert [page["opens"] for page in data["latents"]].count(True) == 1
    first = session.world.pairs("test").captions[0][0]
    assert [page["caption"] for page in data["captions"]] == ["a red </script> cat", first]
    best = edits.ranking(first)["edited"]
    assert data["captions"][1]["best"]["edited"] == [f"test {row}" for row in best]
    assert data["clamps"]["concepts"] == [name for name, _ in clamps.choices()]
    place = clamps.choices()[0][1]
    said = [clamps.say(place, 1, picture) for picture in explore.DESCRIBED]
    assert data["clamps"]["plain"] == [answers["plain"] for answers in said]
    assert data["clamps"]["clamped"][0][0] == [answers["clamped"] for answers in said]
    concept, strength, picture = data["clamps"]["opens"]
    if any(works for one in data["clamps"]["works"] for row in one for works in row):
        assert data["clamps"]["works"][concept][strength][picture], "it opens on a clamp that works"
    asked = {key for page in data["latents"] for keys in page["examples"].values() for key in keys}
    asked |= set(data["clamps"]["pictures"])
    asked |= {key for page in data["captions"] for keys in page["best"].values() for key in keys}
    assert set(data["pictures"]) == asked
    assert data["pictures"][f"test {best[0]}"]["alt"] == session.world.pairs("test").captions[best[0]][0]


def test_the_page_opens_on_what_its_notebook_shows() -> None:
    """The committed notebook, or the one of a later run here, which wrote the page again."""
    written = [find_notebook("80"), ROOT / "results" / "scenes" / "notebooks" / "80_explorer.ipynb"]
    latest = max((path for path in written if path.is_file()), key=lambda path: path.stat().st_mtime)
    page = json.loads((ROOT / "results" / "scenes" / "80_explorer.json").read_text(encoding="utf-8"))
    (opening,) = [one for one in page["latents"] if one["opens"]]
    cells = read_notebook(latest).cells
    shown = "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))
    said = dict(re.findall(r"^([a-z ]+?)  +(\S.*)$", shown, re.M))
    assert int(said["latent"]) == opening["latent"]
    for name in ("score", "pictures", "captions", "stands for"):
        assert said[name] == opening["facts"][name]
    concept, strength, picture = page["clamps"]["opens"]
    assert f"clamped: {page['clamps']['concepts'][concept].split(' (')[0]}, strength" in shown
    assert page["clamps"]["works"][concept][strength][picture]
