"""The page of a document, or of a source file with its lines coloured."""

from __future__ import annotations

from html import escape
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound

from lib.apps.site.markdown_html import markdown_html
from lib.base.files import ROOT


def source_page(path: Path) -> str:
    """Return the body of the page of a file of the repository."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return markdown_html(text)
    head = f"<h1>{escape(path.relative_to(ROOT).as_posix())}</h1>"
    try:
        lexer = get_lexer_for_filename(path.name)
    except ClassNotFound:
        return f"{head}<pre>{escape(text)}</pre>"
    return head + highlight(text, lexer, HtmlFormatter())


def code_style() -> str:
    """Return the style of coloured code, in light and in dark."""
    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark"))
    return f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n"
