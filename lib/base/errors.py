"""The errors that users of the companion see."""

LONGEST = 1500
"""The most characters that an error may have. A longer one, which quotes bad input, is cut in the middle."""


class CompanionError(ValueError):
    """An error about bad input or a missing piece: one line that names the thing and the remedy.

    The command line prints it as one line and exits with 2; a notebook shows the line without a traceback.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(str(message).split())
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 3 :]}")

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython prints in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class NotAvailable(CompanionError):
    """An error about something that this machine lacks (a file, a device, an extra): the experiment is skipped."""
