"""The one error that users of the companion meet."""

LONGEST = 1500
"""Characters of an error at most; bad input that it quotes may be of any length, and is cut in the middle."""


class CompanionError(ValueError):
    """Bad input or a missing piece, told in one line that names the thing and the mend.

    The command line prints it as one line and exits with 2; a notebook shows the line without a traceback.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(str(message).split())
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 3 :]}")

    def _render_traceback_(self) -> list[str]:
        """IPython asks for this instead of printing its own traceback."""
        return [f"{type(self).__name__}: {self}"]


class NotAvailable(CompanionError):
    """Something this machine does not have (a file, a device, an extra); the experiment is skipped, not failed."""
