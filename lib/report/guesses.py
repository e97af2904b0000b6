"""A reader's guesses on claims: noted before the figure is seen, and shown next to the verdict."""

from __future__ import annotations

from pathlib import Path

from lib.base.files import write_json
from lib.report.claims import Claim, said_number
from lib.report.register import spec_of


class Guesses:
    """The guesses that a reader makes in one run of a notebook.

    The file has an entry for each claim that was guessed: `guess`, and what was found under the name of each column of
    the scoreboard. Without a guess there is no file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.noted: dict[str, dict[str, str]] = {}

    def note(self, id: str, guess: str) -> None:
        """Note a guess on a registered claim and say so. An empty one says nothing, and takes back an earlier one."""
        spec_of(id)
        self.noted.pop(id, None)
        if guess := guess.strip():
            self.noted[id] = {"guess": guess}
            write_json(self.path, self.noted)
            print(f"noted for {id}: {guess}")

    def compare(self, claim: Claim, column: str) -> None:
        """Print the guess on a claim, if there is one, and what was found in a column of the scoreboard."""
        if noted := self.noted.get(claim.id):
            one = claim.headline
            noted[column] = f"{claim.verdict}, {one.name} {said_number(one)}" if one else claim.verdict
            write_json(self.path, self.noted)
            print(f"you guessed: {noted['guess']}; found: {noted[column]}")
