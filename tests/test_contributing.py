"""The examples of CONTRIBUTING.md, written into a copy of the repository and run there as a reader would run them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lib.base.files import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
COPIED = ["lib", "notebooks", "profiles", "tests", "pyproject.toml", "constraints.txt", "data_manifest.yaml"]
UNUSED = (".safetensors", "/expected/")
"""Large files that no example reads."""
BLOCK = re.compile(r"^(?:(New|In)[^`\n]*`([^`\n]+)`|Run)\n\n```\w+\n(.*?)^```$", re.M | re.S)
MOST_LINES = 40
EMPTY = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
IN_ORDER = ["A world", "A recipe", "A paper", "A claim", "A notebook"]


@dataclass
class Block:
    """A fenced example: a file, a change of a file, or commands."""

    kind: str
    file: str
    text: str


def examples(page: str) -> dict[str, list[Block]]:
    """Section to its fenced blocks, in the order of the page."""
    heads, *sections = re.split(r"^## (.*)\n", page, flags=re.M)
    assert "```" not in heads
    found = {}
    for title, text in zip(sections[::2], sections[1::2], strict=True):
        blocks = [Block(kind or "Run", file, source) for kind, file, source in BLOCK.findall(text)]
        assert len(blocks) == len(re.findall("^```\\w", text, re.M)), f"a block of {title!r} names no file"
        if blocks:
            found[title] = blocks
    return found


def changed(text: str, diff: str) -> str:
    """The text after a change: lines with a minus go, lines with a plus come, the others show the place."""
    lines = diff.splitlines(keepends=True)
    old, new = ("".join(line[1:] for line in lines if line[0] in signs) for signs in ("- ", "+ "))
    assert text.count(old) == 1, f"the lines of a change are {text.count(old)} times in its file"
    return text.replace(old, new)


class Copy:
    """A copy of the tracked files, in which sections are followed one after the other, each once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        listed = subprocess.run(
            ["git", "ls-files", "-z", *COPIED], cwd=ROOT, capture_output=True, text=True, check=True
        )
        for name in listed.stdout.split("\0")[:-1]:
            if not any(part in name for part in UNUSED) and (ROOT / name).exists():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, root / name)
        (root / ".venv").symlink_to(sys.prefix)
        self.said: dict[str, str] = {}

    def follow(self, last: str) -> str:
        """Follow all sections up to one, and return what its commands printed."""
        for title, blocks in examples(PAGE).items():
            if title not in self.said:
                self.said[title] = "".join(self._follow(block) for block in blocks)
            if title == last:
                break
        return self.said[last]

    def _follow(self, block: Block) -> str:
        if block.kind == "Run":
            return self.run(block.text)
        path = self.root / block.file
        assert path.exists() == (block.kind == "In"), f"{block.file} is there already, or not there to be changed"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text if block.kind == "New" else changed(path.read_text(), block.text))
        return ""

    def run(self, commands: str) -> str:
        """What commands print, which must succeed; `.venv` is the environment of this process."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("COMPANION_")}
        environment |= {"PYTHONPATH": str(self.root), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        environment.pop("MPLBACKEND", None)
        done = subprocess.run(
            ["bash", "-euc", commands], cwd=self.root, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    yield Copy(tmp_path_factory.mktemp("companion"))


def measure(line: str, name: str) -> float:
    found = re.search(rf"{name} +([0-9.]+)", line)
    assert found, line
    return float(found[1])


def test_each_example_is_short_and_they_are_in_order() -> None:
    found = examples(PAGE)
    assert list(found) == IN_ORDER
    lines = {title: sum(block.text.count("\n") for block in blocks) for title, blocks in found.items()}
    assert {title: count for title, count in lines.items() if count >= MOST_LINES} == {}


def test_a_block_without_a_file_and_a_change_without_a_place_are_noticed() -> None:
    with pytest.raises(AssertionError, match="a block of 'A world' names no file"):
        examples("# x\n## A world\n\n```python\nx = 1\n```\n")
    assert changed("a\nb\nc\n", " a\n-b\n+B\n") == "a\nB\nc\n"
    with pytest.raises(AssertionError, match="are 2 times in its file"):
        changed("a\nb\na\nb\n", " a\n-b\n")


def test_the_files_of_the_examples_are_clean(tmp_path: Path) -> None:
    files = [block for blocks in examples(PAGE).values() for block in blocks if block.file.endswith(".py")]
    for block in (block for block in files if block.kind == "New" and not block.file.startswith(".")):
        for check in (["check", "--output-format=concise"], ["format", "--diff"]):
            command = [sys.executable, "-m", "ruff", *check, f"--stdin-filename={block.file}", "-"]
            done = subprocess.run(command, input=block.text, cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr


HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
REFUSED = {"ruff": ("x.py", "import os\n"), "ruff-format": ("x.py", "x=1\n"), "notebooks": ("x.ipynb", EMPTY)}
"""What each hook that takes files must refuse."""


def test_hooks_fetch_nothing_and_are_the_lint_of_the_makefile() -> None:
    assert [repo["repo"] for repo in HOOKS] == ["local"]
    assert all(hook["language"] == "system" and hook["entry"].startswith(".venv/bin/") for hook in HOOKS[0]["hooks"])
    assert {hook["id"] for hook in HOOKS[0]["hooks"]} == {*REFUSED, "mypy"}
    lint = (ROOT / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
    assert len(re.findall(r"^\t\$\(BIN\)/(?:ruff check|ruff format|mypy)", lint, re.M)) == 3


@pytest.mark.parametrize(
    "hook", [hook for hook in HOOKS[0]["hooks"] if hook["id"] in REFUSED], ids=lambda hook: hook["id"]
)
def test_a_hook_refuses_what_is_wrong(hook: dict[str, str], tmp_path: Path) -> None:
    name, text = REFUSED[hook["id"]]
    (tmp_path / name).write_text(text)
    command = [part.replace(".venv/bin", f"{sys.prefix}/bin") for part in hook["entry"].split()]
    done = subprocess.run([*command, str(tmp_path / name)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    if hook["id"] == "notebooks":
        assert "x.ipynb: the first cell is not a markdown title" in done.stderr.splitlines()


@pytest.mark.slow
def test_the_world_is_one_to_train_in(copy: Copy) -> None:
    line = copy.follow("A world")
    assert line.startswith("topk ") and " 32 latents  K 3 " in line
    assert 0.05 < measure(line, "FVU") < 0.6 and 1.5 < measure(line, "L0") <= 3


@pytest.mark.slow
def test_the_recipe_trains(copy: Copy) -> None:
    passed, line = copy.follow("A recipe").strip().splitlines()[-2:]
    assert passed.startswith("1 passed")
    assert line.startswith("local_winner ") and measure(line, "FVU") < 0.7 and measure(line, "L0") <= 3


@pytest.mark.slow
def test_the_claim_of_a_new_paper_is_in_the_register(copy: Copy) -> None:
    assert copy.follow("A claim") == "a sparse code of K latents explains more than K principal components\n"


@pytest.mark.slow
def test_the_skeleton_of_a_new_paper_runs(copy: Copy) -> None:
    said = copy.follow("A notebook")
    claim = json.loads((copy.root / "results/spikes/claims/p5.1.json").read_text())
    assert (
        claim["verdict"] == "reproduced" and claim["notebook"] == "50_sparse_coding" and claim["seeds"] == [*range(5)]
    )
    assert claim["headline"]["low"] > 0.05 and claim["positive"]["mean"] > 0.05 > claim["negative"]["high"]
    assert re.search(r"^50_sparse_coding +ran ", said, re.M) and " passed" in said.splitlines()[-1]
    cells = json.loads((copy.root / "notebooks/50_sparse_coding.ipynb").read_text())["cells"]
    assert "p5.1" in "".join(cells[-1]["outputs"][0]["text"])


def test_the_changelog_has_its_form_and_the_version_of_the_project() -> None:
    log = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## (.+)$", log, re.M)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert versions[0] == "Unreleased" and versions[1] == version
    assert set(re.findall(r"^### (.+)$", log, re.M)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md")), ids=lambda path: path.stem)
def test_a_template_says_what_it_is_for_and_names_files_that_exist(path: Path) -> None:
    _, head, body = path.read_text().split("---\n", 2)
    assert set(yaml.safe_load(head)) == {"name", "about"}
    named = re.findall(r"`((?:docs/)?[\w-]+\.md)`", body)
    assert all((ROOT / name).is_file() for name in named)


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CHANGELOG.md"])
def test_what_a_page_names_exists(name: str) -> None:
    page = re.sub(r"^```\w+\n.*?^```$", "", (ROOT / name).read_text(), flags=re.M | re.S)
    links = re.findall(r"\]\((?!https:)([^)#]+)", page)
    files = re.findall(r"`((?:lib|docs|tests|profiles)/[\w/.-]+\.(?:py|md|yaml))`", page)
    made = {block.file for blocks in examples(PAGE).values() for block in blocks}
    assert [one for one in [*links, *files] if not (ROOT / one).exists() and one not in made] == []
