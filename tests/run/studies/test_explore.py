"""The explorer's pages on a small world: what they show is what the codes, masks and answers say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.data.errors import CompanionError
from lib.run.start import Session
from lib.run.studies import explore, explorer_page, vl_concepts
from tests.run.studies.small_explorer import shorten_page, small_arms, small_parts, small_session


@pytest.fixture
def session(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    return small_session(monkeypatch)


def test_latents(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = vl_concepts.fit(session, vl_concepts.UNIFIED, 0)
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
    monkeypatch.setattr(explore, "SHOWN", 200)
    with pytest.raises(CompanionError, match="no latent has 200 pictures and 200 captions; train it longer"):
        explore.Concepts(session, fitted)


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
    html = explorer_page.explorer_page(concepts, edits, clamps, asked=["a red </script> cat"])
    assert html.count("</script>") == 2
    (text,) = re.findall(r'<script type="application/json" id="data">(.*)</script>', html)
    data = json.loads(text)
    assert [page["facts"]["latent"] for page in data["latents"]] == [str(latent) for latent in concepts.latents[:3]]
    assert [page["captions"] for page in data["latents"]] == [concepts.captions(place) for place in range(3)]
    first = session.world.pairs("test").captions[0][0]
    assert [page["caption"] for page in data["captions"]] == ["a red </script> cat", first]
    best = edits.ranking(first)["edited"]
    assert data["captions"][1]["best"]["edited"] == [f"test {row}" for row in best]
    assert data["clamps"]["concepts"] == [name for name, _ in clamps.choices()]
    place = clamps.choices()[0][1]
    said = [clamps.say(place, 1, picture) for picture in explorer_page.PICTURES]
    assert data["clamps"]["plain"] == [answers["plain"] for answers in said]
    assert data["clamps"]["clamped"][0][0] == [answers["clamped"] for answers in said]
    asked = {key for page in data["latents"] for key in page["pictures"]} | set(data["clamps"]["pictures"])
    asked |= {key for page in data["captions"] for keys in page["best"].values() for key in keys}
    assert set(data["pictures"]) == asked
    assert data["pictures"][f"test {best[0]}"]["alt"] == session.world.pairs("test").captions[best[0]][0]
