"""The tables of docs/trust.md: written from what the tests declare and from what the long runs noted.

python -m tests.trust.report
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from lib.base.files import ROOT, write_atomic
from lib.run.readme import replaced
from tests.peers import compare
from tests.trust import covered, machines
from tests.trust.common import RESULTS, Tried
from tests.trust.kill import CASES
from tests.trust.mutants_section import section
from tests.trust.works import WORKS

PAGE = ROOT / "docs" / "trust.md"
INPUTS = ["images", "captions", "vectors", "codes", "yaml", "archives", "tensors"]
FOREIGN = ["nothing_foreign_runs"]
DISTURBED = ["files"]


def noted(name: str) -> Any:
    """What a long run found; None if it has not ended yet."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else None


def tried(files: list[str]) -> str:
    """A row for each thing that test files have tried."""
    rows = ["| tried | inputs | how it ends | in |", "|---|--:|---|---|"]
    for file in files:
        entries: list[Tried] = import_module(f"tests.trust.test_{file}").TRIED
        link = f"[test_{file}.py](../tests/trust/test_{file}.py)"
        rows += [f"| {one.what} | {one.inputs:,} | {one.ends} | {link} |" for one in entries]
    return "\n".join(rows) + "\n"


def kills() -> str:
    """A row for each case of `tests.trust.kill`."""
    rows = ["| killed | command | kills | of them at work | rounds | files compared | equal rounds |"]
    rows += ["|---|---|--:|--:|--:|--:|--:|"]
    total = equal = count = 0
    for name, case in CASES.items():
        words = f"| {name.replace('-', ' ')} | `{' '.join(case.command)}` "
        found = noted(f"kill-{name}")
        if found is None:
            rows.append(f"{words}| not run yet | | | | |")
            continue
        rounds = found["rounds"]
        made, at_work = (sum(one[key] for one in rounds) for key in ("kills", "at_work"))
        good = sum(one["equal"] for one in rounds)
        rows.append(f"{words}| {made} | {at_work} | {len(rounds)} | {found['files']} | {good} |")
        total, equal, count = total + made, equal + good, count + len(rounds)
    return "\n".join([*rows, f"\n{total} kills; {equal} of {count} rounds left the bytes of the undisturbed run.\n"])


def steps() -> str:
    """A row for each small work: kills before every change of the disk, and disks of every size."""
    killed, disks = ({one["work"]: one for one in noted(name) or []} for name in ("steps", "disk"))
    rows = ["| work | kills before each change | files that differed | small disks, limits | files that differed |"]
    rows += ["|---|--:|--:|--:|--:|"]
    for name in WORKS:
        one, disk = killed.get(name), disks.get(name)
        first = f"{one['kills']} | {len(one['differing'])}" if one else "not run yet |"
        second = f"{disk['disks'] + disk['limits']} | {len(disk['differing'])}" if disk else "not run yet |"
        rows.append(f"| {name} | {first} | {second} |")
    return "\n".join(rows) + "\n"


def generated() -> dict[str, str]:
    """The tables by name, as Markdown."""
    return {
        "kills": kills(),
        "steps": steps(),
        "disturbed": tried(DISTURBED),
        "inputs": tried(INPUTS),
        "foreign": tried(FOREIGN),
        "mutants": section(noted("mutants")),
        "machines": machines.table(),
        "peers": compare.table(noted("peers")),
        "coverage": covered.table(noted("coverage")),
    }


def with_tables(text: str) -> str:
    """The page with its tables written anew."""
    for name, part in generated().items():
        text = replaced(text, name, part)
    return text


def main(page: Path = PAGE) -> None:
    write_atomic(page, with_tables(page.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
