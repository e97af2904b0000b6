"""Markdown as HTML: formulas become MathML, which browsers set themselves, and headings get anchors."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Any

from latex2mathml.converter import convert
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

_TAG = re.compile(r"<[^>]+>")
_WITHIN_A_LINE = re.compile(r"</?(?:a|b|code|em|i|span|strong)\b[^>]*>")


class _Renderer(IPythonRenderer):
    """The HTML of Markdown with formulas as MathML."""

    def inline_math(self, body: str) -> str:
        return convert(body)

    def block_math(self, body: str) -> str:
        return (
            f'<div class="wide" tabindex="0" role="group" aria-label="formula">{convert(body, display="block")}</div>'
        )

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        anchor = escape(unescape(plain_text(text)).replace(" ", "-"))  # as JupyterLab makes them
        return f'<h{level} id="{anchor}">{text}</h{level}>\n'


def markdown_html(markdown: str) -> str:
    """Render Markdown; the HTML in it is kept. A heading has its text, with hyphens, as its id."""
    return MarkdownWithMath(renderer=_Renderer(escape=False)).render(markdown)


def inline_html(markdown: str) -> str:
    """Render a line of Markdown, without the paragraph around it."""
    return markdown_html(markdown).strip().removeprefix("<p>").removesuffix("</p>")


def plain_text(html: str) -> str:
    """Return the words of a piece of HTML, still escaped."""
    return " ".join(_TAG.sub(" ", _WITHIN_A_LINE.sub("", html)).split())
