"""A card to draw on, with what the drawings of the methods are made of: text, boxes, arrows, lines, dots and bars.

A card is light, so that it is legible on a dark page as well. One colour per role: blue for what a method computes,
orange for what it changes, green for pictures, violet for text, grey for what is given.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

INK = "#22303c"
ROLES = {
    "method": ("#d6e9f8", "#0173b2"),
    "edit": ("#fbe3d2", "#d55e00"),
    "picture": ("#d5f0e6", "#029e73"),
    "text": ("#ecdff3", "#8f4bb0"),
    "given": ("#eceff1", "#6b7780"),
}
"""Role to the fill and the line of what has it."""


class Drawing:
    """A card to draw on; the unit is a pixel, and the origin the upper left corner."""

    def __init__(self, width: int, height: int, title: str, description: str) -> None:
        self.size = width, height
        self.head = f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
        self.parts: list[str] = []

    def text(self, x: float, y: float, text: str, size: int = 14, role: str = "", anchor: str = "middle") -> None:
        """One line of text, centred at a point or beginning there."""
        colour = ROLES[role][1] if role else INK
        look = f'font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
        base = y + 0.35 * size  # of the letters; not every viewer knows how to centre them itself
        self.parts.append(f'<text x="{x:g}" y="{base:g}" {look}>{escape(text)}</text>')

    def box(self, x: float, y: float, width: float, height: float, text: str, role: str = "given") -> None:
        """A rounded box with lines of text."""
        fill, line = ROLES[role]
        shape = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8"'
        self.parts.append(f'<rect {shape} fill="{fill}" stroke="{line}" stroke-width="1.5"/>')
        lines = text.split("\n")
        for place, one in enumerate(lines):
            self.text(x + width / 2, y + height / 2 + 18 * (place - (len(lines) - 1) / 2), one)

    def arrow(self, x: float, y: float, to_x: float, to_y: float, role: str = "", dashed: bool = False) -> None:
        """A straight arrow."""
        name, colour = (role or "ink"), (ROLES[role][1] if role else INK)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        ends = f'x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}"'
        self.parts.append(f'<line {ends} stroke="{colour}" stroke-width="2"{dash} marker-end="url(#{name})"/>')

    def line(self, x: float, y: float, to_x: float, to_y: float, role: str = "given", dashed: bool = True) -> None:
        """A line without a head."""
        dash = ' stroke-dasharray="4 4"' if dashed else ""
        ends = f'x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}"'
        self.parts.append(f'<line {ends} stroke="{ROLES[role][1]}" stroke-width="1.5"{dash}/>')

    def dot(self, x: float, y: float, role: str, radius: float = 6, opacity: float = 1) -> None:
        """A point with a colour."""
        look = f'fill="{ROLES[role][1]}" fill-opacity="{opacity:g}"'
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" {look}/>')

    def bars(self, x: float, y: float, values: Iterable[float], role: str = "method", height: float = 60) -> None:
        """A vector as bars on a base line at `y`; a value of 1 is `height` high, and zeros are short ticks."""
        for place, value in enumerate(values):
            tall = max(2.0, value * height)
            colour = ROLES[role][1] if value else "#b5bec5"
            at = f'x="{x + 12 * place:g}" y="{y - tall:g}" width="8" height="{tall:g}"'
            self.parts.append(f'<rect {at} fill="{colour}"/>')

    def svg(self) -> str:
        """The whole file."""
        width, height = self.size
        heads = {"ink": INK, **{name: line for name, (_, line) in ROLES.items()}}
        markers = "".join(
            f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            f'orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="{colour}"/></marker>'
            for name, colour in heads.items()
        )
        card = f'<rect width="{width}" height="{height}" rx="12" fill="#ffffff" stroke="#d0d7de"/>'
        body = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" font-family="DejaVu Sans, Verdana, sans-serif">{self.head}\n<defs>{markers}</defs>\n{card}\n'
            f"{body}\n</svg>\n"
        )
