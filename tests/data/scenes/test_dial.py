import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.data.procedural import SILENT
from lib.data.scenes import truth_of
from lib.data.scenes.dial import MIXED, contradict, dial
from lib.data.scenes.scene_grammar import FACTORS


@pytest.mark.parametrize("told", [1, 4, 12])
def test_captions_tell_as_many_facts_as_asked_and_true_ones(told):
    made = dial("test", 30, told)
    has = (made.truth.scenes != SILENT).sum(axis=1)
    assert ((made.asserted != SILENT).sum(axis=1) == np.minimum(told, has)).all()
    said = made.asserted != SILENT
    assert (made.asserted[said] == made.truth.scenes[said]).all()
    assert made.holds().diagonal().all()


def test_the_mixture_has_all_numbers_and_the_scenes_are_the_world_s():
    made = dial("test", 200, MIXED)
    assert set((made.asserted != SILENT).sum(axis=1).tolist()) >= set(range(1, 10))
    np.testing.assert_array_equal(made.truth.scenes, truth_of("test", 200).scenes)


def test_the_same_call_gives_the_same_captions_and_settings_differ():
    first, again, other = dial("test", 20, 4), dial("test", 20, 4), dial("test", 20, 5)
    assert first.pairs.captions == again.pairs.captions != other.pairs.captions
    assert first.pairs.identity == again.pairs.identity != other.pairs.identity
    assert dial("test", 8, 4).pairs.captions == first.pairs.captions[:8]


@pytest.mark.parametrize("factor", ["kind", "background"])
def test_a_contradiction_changes_one_fact_and_is_false(factor):
    f, given = FACTORS.index(factor), dial("test", 60, 6)
    lies, rows = contradict(given, f)
    true = given.asserted[rows]
    assert (true[:, f] != SILENT).all() and (lies.asserted[:, f] != true[:, f]).all()
    assert (np.delete(lies.asserted, f, axis=1) == np.delete(true, f, axis=1)).all()
    assert not lies.holds().diagonal().any()
    assert lies.pairs.ids.tolist() == given.pairs.ids[rows].tolist() and len(rows) > 15
    np.testing.assert_array_equal(lies.truth.scenes, given.truth.scenes[rows])
    assert contradict(given, f)[0].pairs.captions == lies.pairs.captions


def test_bad_settings_are_named():
    for told in (-1, 13):
        with pytest.raises(
            CompanionError, match=f"captions cannot mention {told} facts; give 1 to 12, or 0 for a mixture"
        ):
            dial("test", 5, told)
    silent = dial("test", 3, 1)
    silent.asserted[:] = SILENT
    with pytest.raises(CompanionError, match="no caption mentions colour, so none can be contradicted"):
        contradict(silent, FACTORS.index("colour"))
