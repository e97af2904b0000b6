"""An account of every entry of a user's files: read, or left out and why, in one line that all commands show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from lib.base.names import count, printable

OnBad = Literal["refuse", "skip"]
"""What to do about pictures that cannot be read, or have no caption where others have one."""

NAMED = 3
"""Names that a line shows of each kind of entry that was left out; any further ones are only counted."""


@dataclass(frozen=True)
class Tally:
    """An account of a folder or file: what was read of it, and all the rest.

    Examples
    --------
    >>> tally = Tally("pictures").leaving("other file", ["notes.txt", "captions.csv"])
    >>> tally.reading("3 captions in captions.csv", "captions.csv").line()
    'pictures: 3 captions in captions.csv; left out: 1 other file (notes.txt)'
    """

    source: str
    """The name of the folder or file."""
    read: tuple[str, ...] = ()
    """The things that were read, in words with their numbers."""
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Kind of entry, a noun that takes an s, to the names of those that were left out."""

    def reading(self, what: str, *names: str) -> Tally:
        """Return the account with more that was read. names: entries that counted as left out until now."""
        rest = {kind: tuple(one for one in some if one not in names) for kind, some in self.left_out.items()}
        return replace(self, read=(*self.read, what), left_out={kind: some for kind, some in rest.items() if some})

    def leaving(self, kind: str, names: Iterable[str]) -> Tally:
        """Return the account with more entries that were left out."""
        more = (*self.left_out.get(kind, ()), *names)
        return replace(self, left_out={**self.left_out, kind: more}) if more else self

    def line(self) -> str:
        """The account in one line."""
        parts = [_shown(kind, names) for kind, names in self.left_out.items()]
        rest = f"; left out: {', '.join(parts)}" if parts else ""
        return f"{printable(self.source)}: {', '.join(self.read) or 'nothing read'}{rest}"


def _shown(kind: str, names: tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{count(len(names), kind)} ({', '.join(map(printable, names[:NAMED]))}{more})"
