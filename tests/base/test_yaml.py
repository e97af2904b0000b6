"""Strict YAML: what is accepted is what PyYAML's safe loader gives, everything doubtful is one line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.base.yaml import display, load_yaml


def load(tmp_path: Path, text: str | bytes) -> object:
    path = tmp_path / "x.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_yaml(path)


def test_plain_values(tmp_path: Path) -> None:
    value = load(tmp_path, "a: 1\nb: [x, 2.5, null, true]\nc: {d: 2026-01-02}\n")
    assert value == {"a": 1, "b": ["x", 2.5, None, True], "c": {"d": date(2026, 1, 2)}}
    assert load(tmp_path, "") is None


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' appears twice"),
        ("x:\n  a: 1\n  b: {c: 1, c: 2}\n", 3, "'c' appears twice"),
        ("1: a\n0x1: b\n", 2, "1 appears twice"),
        ("a: &x [1]\nb: 2\n", 1, "anchors, aliases and tags"),
        ("a: *x\n", 1, "anchors, aliases and tags"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", 2, "anchors, aliases and tags"),
        ("a: !!int ''\n", 1, "anchors, aliases and tags"),
        ("[1, 2]: a\n", 1, "a key must be a plain word"),
        ("a: 1\n  b: 2\n", 2, "mapping values are not allowed"),
        ("a: [1, 2\n", 2, "expected ',' or ']'"),
        ("a: 1\n---\nb: 2\n", 2, "but found another document"),
    ],
)
def test_refusals_name_file_and_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(CompanionError) as error:
        load(tmp_path, text)
    assert f"x.yaml, line {line}: " in str(error.value)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", [b"a: \xff\xfe\x00", "a: 2026-13-45", "a: \x07", "[" * 1500])
def test_other_damage_is_one_line(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(CompanionError, match=r"x\.yaml.*: "):
        load(tmp_path, text)


def test_missing_and_unreadable(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=r"nowhere\.yaml: no such file; check the name"):
        load_yaml(tmp_path / "nowhere.yaml")
    with pytest.raises(CompanionError, match=r"cannot be read \(.*\); give another file"):
        load_yaml(tmp_path)


def test_display() -> None:
    assert display(ROOT / "profiles" / "a.yaml") == "profiles/a.yaml"
    assert display(Path("/elsewhere/a.yaml")) == "/elsewhere/a.yaml"


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None)
@given(value=PLAIN)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    text = yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
    path = tmp_path_factory.mktemp("yaml") / "x.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    if "&id" in text:  # safe_dump shares equal objects
        return
    assert load_yaml(path) == yaml.safe_load(path.read_bytes())


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=60) | st.text("a:-{}[]&*!|>'\"# \n\t0.9%@`", max_size=40).map(str.encode))
def test_any_bytes_give_a_value_or_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("yaml") / "x.yaml"
    path.write_bytes(content)
    try:
        load_yaml(path)
    except CompanionError as error:
        assert "x.yaml" in str(error)
