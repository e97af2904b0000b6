"""Does a fresh machine come to the committed results? It is tried with another user, an odd path and every Python.

    python3 -m tests.fresh.check [quick|reproduce|all] [PYTHON]...

clones what is committed into a folder whose path has a blank and a letter beyond ASCII, with an empty home and none
of this machine's settings but those of pip and of certificates. Where root runs it, the clone belongs to the user
`nobody`, and once the environment is made there is no network. `quick` runs one short notebook, `reproduce` all of
them, and `all` every test as well. Then the tolerance gate compares the results with the committed ones, claims must
have been written anew, and nothing but results may differ from the commit. It needs no package, only git and make.
"""

from __future__ import annotations

import argparse
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

PYTHONS = ("python3.11", "python3.12", "python3.13")
USER = "nobody"
ODD = "a path of Zoë's"
"""The folder that holds the clone."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KEPT = re.compile(r"PIP_\w+|\w+_(?:proxy|PROXY)|\w*CERT\w*|\w*CA_BUNDLE|LANG")
"""Variables that say how this machine reaches the package index, and its language."""

SHORT = "03"
"""The notebook of `quick`: it writes claims, and trains nothing."""

VENV = ".venv/bin/python"
LEVELS = {
    "quick": [[VENV, "-m", "lib", "run", SHORT]],
    "reproduce": [["make", "reproduce"]],
    "all": [["make", "reproduce"], ["make", "test"]],
}
"""What is run once the environment is made."""

GATE = [VENV, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/gates/test_tolerance.py"]
WITHOUT_NETWORK = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
"""Words before a command: it sees the loopback alone, by which kernels are spoken to. Only root may do that."""


class User(NamedTuple):
    """Who runs the commands."""

    owner: str
    """User and group as numbers, or "" for the user who started this."""
    drop: Sequence[str]
    """Words before a command that make it another user's."""
    alone: Sequence[str]
    """The same, and without a network where this machine allows that."""


def other_user() -> User:
    """Find `nobody` if root runs this; otherwise commands run as who started it, and with the network."""
    if os.geteuid() != 0:
        return User("", (), ())
    found = pwd.getpwnam(USER)
    drop = ["setpriv", f"--reuid={found.pw_uid}", f"--regid={found.pw_gid}", "--clear-groups"]
    allowed = subprocess.run([*WITHOUT_NETWORK, "true"], capture_output=True).returncode == 0
    return User(f"{found.pw_uid}:{found.pw_gid}", drop, [*WITHOUT_NETWORK, *drop] if allowed else drop)


def environment(home: Path) -> dict[str, str]:
    """The variables of a fresh machine, where `home` is all that the user has."""
    kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
    return kept | {"PATH": PATH, "HOME": str(home), "USER": USER, "CI": "true"}


def find_pythons(names: Sequence[str], user: User) -> dict[str, str]:
    """Version to path of those Pythons that the user can start and that are new enough; one line for each other."""
    found = {}
    for name in names:
        path = shutil.which(name) or name
        says = "import sys; print(*sys.version_info[:2], sep='.'); sys.exit(sys.version_info < (3, 11))"
        try:
            answer = subprocess.run([*user.drop, path, "-c", says], capture_output=True, text=True, cwd="/")
        except OSError:
            answer = None
        if answer is None or answer.returncode:
            print(f"{name}: not here, too old, or not for this user", flush=True)
        else:
            found[answer.stdout.strip()] = path
    return found


def check(python: str, level: str, user: User, source: Path = ROOT) -> list[str]:
    """Make a clone with a Python, run a level in it, and return what went wrong; a clone that is well is removed."""
    base = Path(tempfile.mkdtemp(prefix="companion-fresh-"))
    clone, home = base / ODD / "companion", base / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "--quiet", "--no-local", str(source), str(clone)], check=True)
    base.chmod(0o755)
    if user.owner:
        subprocess.run(["chown", "-R", user.owner, str(base)], check=True)
    before = _claims(clone)
    steps = [(user.drop, ["make", "env", f"PYTHON={python}"]), *((user.alone, step) for step in LEVELS[level])]
    for words, step in [*steps, (user.alone, GATE)]:
        print(f"$ {' '.join(step)}", flush=True)
        if subprocess.run([*words, *step], cwd=clone, env=environment(home)).returncode:
            return [f"`{' '.join(step)}` failed in {clone}"]
    problems = [*_not_written(before, _claims(clone), level), *_changed(clone, user, home)]
    if not problems:
        shutil.rmtree(base)
    return problems


def _claims(clone: Path) -> dict[str, int]:
    """Claim files below `results/` to the moment of their last change."""
    files = (clone / "results").glob("*/claims/*.json")
    return {path.relative_to(clone).as_posix(): path.stat().st_mtime_ns for path in files}


def _not_written(before: dict[str, int], after: dict[str, int], level: str) -> list[str]:
    """Claims that the run should have written and did not: the gate would find them as they were committed."""
    written = {name for name, moment in after.items() if moment != before.get(name)}
    if not written:
        return ["no claim was written"]
    wanted = {name for name in before if name.startswith("results/scenes/")} if level != "quick" else set()
    return [f"{name} was not written anew" for name in sorted(wanted - written)]


def _changed(clone: Path, user: User, home: Path) -> list[str]:
    """Files of the clone that are not as committed, other than changed results."""
    status = [*user.drop, "git", "status", "--porcelain"]
    found = subprocess.run(status, cwd=clone, env=environment(home), capture_output=True, text=True, check=True)
    return [f"not as committed: {line}" for line in found.stdout.splitlines() if not line.startswith(" M results/")]


def main(words: Sequence[str] | None = None) -> int:
    """Check every Python and say what was found of each. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.fresh.check")
    parser.add_argument("level", nargs="?", default="all", choices=LEVELS)
    parser.add_argument("python", nargs="*", default=PYTHONS)
    asked, user = parser.parse_args(words), other_user()
    pythons = find_pythons(asked.python, user)
    found = {version: check(path, asked.level, user) for version, path in pythons.items()}
    for version, problems in found.items():
        print(f"Python {version}: {'; '.join(problems) or 'as committed'}")
    return 1 if not found or any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
