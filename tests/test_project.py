"""The project keeps its own rules: equal pins, and nothing that executes foreign bytes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from lib.base.files import ROOT
from lib.base.places import NOTEBOOKS
from lib.worlds.profiles import known_profiles, load_profile
from tests.test_house import SOURCES, imported

DIRECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


def pins(lines: list[str]) -> dict[str, str]:
    found = dict(line.split("==") for line in lines)
    assert len(found) == len(lines)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found.items()}


def constraints() -> dict[str, str]:
    return pins((ROOT / "constraints.txt").read_text().split())


def test_direct_dependencies_are_pinned_as_in_the_constraints() -> None:
    assert pins(DIRECT).items() <= constraints().items()


def test_environment_yml_has_the_same_pins() -> None:
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    assert pip[:2] == ["-c constraints.txt", "-e ."]
    assert pins(pip[2:]) == pins(DIRECT)


def test_pins_are_public_versions() -> None:
    assert {
        version for version in constraints().values() if not re.fullmatch(r"[0-9.]+(post[0-9]+)?", version)
    } == set()
    assert (constraints()["torch"], constraints()["torchvision"]) == ("2.13.0", "0.28.0")


DANGEROUS_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
DANGEROUS_NAMES = {"exec", "eval", "compile", "__import__"}
DANGEROUS_CALLS = {("pickle", "load"), ("yaml", "unsafe_load"), ("os", "system")}


def dangers(text: str) -> list[str]:
    """What in a source could execute foreign bytes. Ruff's S rules find a part of it, but a comment silences them."""
    tree = ast.parse(text)
    found = [name for name in imported(tree) if name.split(".")[0] in DANGEROUS_MODULES]
    safe = ast.keyword(arg="weights_only", value=ast.Constant(value=True))
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load"), keywords=keywords):
                if ast.dump(safe) not in map(ast.dump, keywords):
                    found.append("torch.load without weights_only=True")
            case ast.Call(func=ast.Name(id=name)) if name in DANGEROUS_NAMES:
                found.append(name)
            case ast.Attribute(value=ast.Name(id=module), attr=name) if (module, name) in DANGEROUS_CALLS:
                found.append(f"{module}.{name}")
            case ast.keyword(arg="allow_pickle" | "shell" | "trust_remote_code", value=ast.Constant(value=True)):
                found.append(f"{node.arg}=True")
            case ast.keyword(arg="weights_only", value=ast.Constant(value=False)):
                found.append("weights_only=False")
            case ast.Constant(value=str(url)) if url.startswith("http://"):
                found.append(url)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_foreign_is_executed(path: Path) -> None:
    assert dangers(path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from torch import nn; import torch; torch.load('x')",
        "exec('1')",
        "numpy.load(f, allow_pickle=True)",
        "torch.hub.load('x', weights_only=False)",
        "url = 'http://example.org'",
    ],
)
def test_a_danger_is_noticed(line: str) -> None:
    assert dangers(line)


@pytest.mark.parametrize("folder", ["lib", "benchmarks", "exercises"])
@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("eval('1')", "S307"),
        ("import subprocess\n\nsubprocess.run('/bin/ls', shell=True)", "S602"),
        ("import yaml\n\nyaml.load(f, Loader=yaml.Loader)", "S506"),
    ],
)
def test_ruff_notices_a_danger(line: str, rule: str, folder: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise", f"--stdin-filename={folder}/x.py", "-"]
    answer = subprocess.run(command, input=f"{line}\n", cwd=ROOT, capture_output=True, text=True)
    assert f" {rule} " in answer.stdout


def test_yaml_is_loaded_in_one_place() -> None:
    using = [path for path in SOURCES if "yaml" in set(imported(ast.parse(path.read_text())))]
    assert using == [ROOT / "lib" / "base" / "yaml.py"]


def test_make_help_explains_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = {name for line in re.findall(r"^\.PHONY:(.*)$", text, re.M) for name in line.split()} - {"help", "lint"}
    answer = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert targets == set(re.findall(r"^make (\w+)", answer, re.M))


def test_every_profile_loads_and_the_default_names_every_notebook() -> None:
    assert {load_profile(name).name for name in known_profiles()} == set(known_profiles())
    assert load_profile("scenes").notebooks == sorted(path.name[:2] for path in NOTEBOOKS.glob("*.ipynb"))
