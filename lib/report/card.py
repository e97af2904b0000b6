"""Evidence cards, which show what decided a verdict, in drawings and words, under the claim in a notebook.

A card is HTML with one small drawing per part (dots for seeds, a bar for the interval, the margin as a line), or plain
text where HTML is not shown. It contains no script and no link and sets no background colour, so it is legible in light
and dark.
"""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

from lib.report.claims import Claim, Judged, Measured, said_number, said_rule
from lib.report.register import Spec, spec_of

WIDTH, HEIGHT, EDGE = 260, 26, 8
"""Size of a drawing and its inner edge, in pixels."""

BLUE, ORANGE, GREY = "#0173b2", "#de8f05", "#808080"
"""Colours of the effect, the controls, and the zero value, as in all figures."""

TAGS = {"div", "p", "b", "table", "tr", "th", "td", "svg", "title", "line", "circle", "details", "summary", "span"}
"""The tags that a card may use."""

OPEN = '<div class="evidence-card"'
"""The first characters of a card."""


class Card:
    """A claim in the form that IPython shows: HTML in a notebook, text in a terminal."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim

    def _repr_html_(self) -> str:
        return card_html(self.claim, spec_of(self.claim.id))

    def __repr__(self) -> str:
        return card_text(self.claim, spec_of(self.claim.id))


def card_text(claim: Claim, spec: Spec) -> str:
    """Write the card for a terminal."""
    lines = [f"evidence for {claim.id} ({_measured_on(claim)})"]
    for part in claim.parts:
        lines.append(f"  {part.name}: {said_number(part)}; {said_rule(part)}: {part.outcome}")
    lines += [f"  {one.name}: {NOT_HERE}, {one.why}" for one in claim.unmeasured]
    for kind, name, control in _controls(claim, spec):
        lines.append(f"  {kind} control, {name}: {said_number(control) if control else NOT_HERE}")
    lines += [f"  near its margin: {NEAR}"] if claim.near else []
    lines += [f"  paper: {_reported(spec)}", f"  so: {spec.so}"]
    return "\n".join(lines)


NOT_HERE = "not measured here"
NEAR = "another draw of seeds, or another kind of processor, may come to another verdict"


def card_html(claim: Claim, spec: Spec) -> str:
    """Write the card for a notebook and the site."""
    ends = _axis(claim.parts)
    rows = [
        _row(part.name, _drawing(part, ends[part.name]), said_number(part), f"{said_rule(part)}: <b>{part.outcome}</b>")
        for part in claim.parts
    ]
    for kind, name, control in _controls(claim, spec):
        drawing = _drawing(claim.headline, ends[claim.headline.name], control) if control and claim.headline else ""
        rows.append(_row(f"{kind} control: {name}", drawing, said_number(control) if control else NOT_HERE, ""))
    rows += [_row(one.name, "", NOT_HERE, escape(one.why)) for one in claim.unmeasured]
    table = f"<table><tr>{_heads('', 'seeds and 95 % interval', 'mean [interval]', 'rule and outcome')}</tr>"
    notes = [f"<b>Near its margin</b>: {NEAR}."] if claim.near else []
    notes += [f"<b>Paper</b>: {escape(_reported(spec))}", f"<b>So</b>: {escape(spec.so)}"]
    return "".join(
        [
            f"{OPEN}><p><b>{claim.id} · {claim.verdict}</b> ({escape(_measured_on(claim))})</p>",
            table + "".join(rows) + "</table>",
            *(f"<p>{note}</p>" for note in notes),
            _context(claim),
            "</div>",
        ]
    )


def is_card(html: str) -> bool:
    """True if HTML is a card: it has only a card's tags, and no attribute that a browser would follow or execute."""
    checker = _Checker()
    checker.feed(html)
    return html.startswith(OPEN) and not checker.foreign


class _Checker(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.foreign = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        harmless = all(name in ATTRIBUTES and "url" not in (value or "").lower() for name, value in attrs)
        self.foreign = self.foreign or tag not in TAGS or not harmless


ATTRIBUTES = {"class", "width", "height", "viewbox", "role", "x1", "x2", "y1", "y2", "cx", "cy", "r"} | {
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "stroke-opacity",
    "fill",
    "fill-opacity",
    "aria-label",
}
"""The attributes that a card may use."""


def _controls(claim: Claim, spec: Spec) -> list[tuple[str, str, Measured | None]]:
    """List the kind and name of every control that the register names, with its number where it was measured."""
    named = (("positive", spec.positive, claim.positive), ("negative", spec.negative, claim.negative))
    return [(kind, control.name, found) for kind, control, found in named if control and claim.headline]


def _measured_on(claim: Claim) -> str:
    seeds = f"seeds {' '.join(map(str, claim.seeds))}" if claim.seeds else "nothing trained"
    return f"{seeds}; n = {claim.n:,}"


def _reported(spec: Spec) -> str:
    paper = spec.reported
    return f"{paper.text} ({paper.where}; {paper.setting})"


def _heads(*names: str) -> str:
    return "".join(f"<th>{name}</th>" for name in names)


def _row(name: str, drawing: str, numbers: str, outcome: str) -> str:
    return f"<tr><td>{escape(name)}</td><td>{drawing}</td><td>{escape(numbers)}</td><td>{outcome}</td></tr>"


def _axis(parts: list[Judged]) -> dict[str, tuple[float, float]]:
    """Return for each part the ends of its drawing, which include the values, the interval, the zero value and the
    margin.
    """
    ends = {}
    for part in parts:
        inside = [*part.values, part.zero, part.margin]
        inside += [2 * part.zero - part.margin] if part.rule == "within" else []
        inside += [end for end in (part.low, part.high) if end is not None]
        room = 0.05 * (max(inside) - min(inside)) or 1.0
        ends[part.name] = (min(inside) - room, max(inside) + room)
    return ends


def _drawing(part: Judged, ends: tuple[float, float], control: Measured | None = None) -> str:
    """Draw dots for the values, a bar for the interval, a line for the margin and a dashed one for the zero value.

    control: drawn in place of the part's own values, on its axis.
    """
    shown, colour = (part, BLUE) if control is None else (control, ORANGE)

    def x(value: float) -> float:
        share = (min(max(value, ends[0]), ends[1]) - ends[0]) / (ends[1] - ends[0])
        return round(EDGE + share * (WIDTH - 2 * EDGE), 1)

    margins = [part.margin, 2 * part.zero - part.margin] if part.rule == "within" else [part.margin]
    marks = [_line(x(part.zero), GREY, ' stroke-dasharray="2 3"'), *(_line(x(m), "currentColor") for m in margins)]
    middle = HEIGHT / 2
    if shown.low is not None and shown.high is not None:
        bar = f'x1="{x(shown.low)}" x2="{x(shown.high)}" y1="{middle}" y2="{middle}"'
        marks.append(f'<line {bar} stroke="{colour}" stroke-width="6" stroke-opacity="0.35"></line>')
    dot = f'cy="{middle}" r="3.5" fill="{colour}" fill-opacity="0.8"'
    marks += [f'<circle cx="{x(value)}" {dot}></circle>' for value in shown.values]
    label = escape(f"{shown.name}: {said_number(shown)}, {said_rule(part)}")
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return f'<svg {size} role="img" aria-label="{label}"><title>{label}</title>{"".join(marks)}</svg>'


def _line(x: float, colour: str, more: str = "") -> str:
    return f'<line x1="{x}" x2="{x}" y1="2" y2="{HEIGHT - 2}" stroke="{colour}" stroke-width="1.5"{more}></line>'


def _context(claim: Claim) -> str:
    if not claim.context:
        return ""
    rows = "".join(f"<tr><td>{escape(one.name)}</td><td>{escape(said_number(one))}</td></tr>" for one in claim.context)
    return f"<details><summary>{len(claim.context)} further numbers</summary><table>{rows}</table></details>"
