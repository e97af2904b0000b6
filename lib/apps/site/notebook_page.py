"""The page of an executed notebook: text, code, of which set-up and drawing is folded, and outputs.

Figures are written beside the page as WebP, which is a fraction of the PNG, and loaded as the reader comes to them.
"""

from __future__ import annotations

import base64
import io
import re
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import pass_context
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from PIL import Image

from lib.apps.site.markdown_html import markdown_html
from lib.base.errors import CompanionError
from lib.base.places import read_notebook

FIGURES = "figures"
"""The folder of the site that figures are written into."""

QUALITY = 88
"""Quality of figures as WebP, out of 100; letters of ten points stay sharp."""

HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
SEEN = re.compile(r"\*\*(You should see\*\* .+?)(?:\n\n|\Z)", re.DOTALL)
MARKS = re.compile(r"\]\([^)]*\)|[*`$\[\]]")
SET_UP = re.compile(r"^import lib$|lib\.start\(|^import matplotlib", re.MULTILINE)
DRAWS = re.compile(r"\bplt\.|\bshow_table\(|\bimage_grid\(|\bsession\.(?:figure|pictures)\(")

_TEMPLATE = """{% extends "display_priority.j2" %}
{% block input %}
{% if cell.metadata.folded_as %}<details class="code"><summary>Code: {{ cell.metadata.folded_as }}</summary>{% endif %}
{{ cell.source | highlight_code(metadata=cell.metadata) }}
{% if cell.metadata.folded_as %}</details>{% endif %}
{% endblock %}
{% block output_group %}<div class="outputs">{{ super() }}</div>{% endblock %}
{% block stream %}
<pre{% if "  " not in output.text %} class="prose"{% endif %}>{{ output.text | ansi2html }}</pre>
{% endblock %}
{% block data_text %}<pre>{{ output.data["text/plain"] | ansi2html }}</pre>{% endblock %}
{% block data_html %}{{ output.data["text/html"] }}{% endblock %}
{% block data_png %}{{ output.metadata.img }}{% endblock %}
{% block error %}<pre>{{ output.ename | escape_html }}: {{ output.evalue | escape_html }}</pre>{% endblock %}
{% block markdowncell %}{{ cell.source | markdown2html }}{% endblock %}
"""


class _Exporter(HTMLExporter):
    """A notebook's body, with Markdown like that of all other pages."""

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        return markdown_html(source)


def read_executed(path: Path) -> tuple[NotebookNode, dict[str, bytes]]:
    """Return a notebook whose outputs show its figures as `metadata.img`, and these figures by their place in the site.

    An error names a notebook that has not been executed.
    """
    notebook = read_notebook(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if not any(cell.outputs for cell in code):
        raise CompanionError(f"{path.name} has no outputs; run `make notebooks` first")
    return notebook, _take_figures(notebook, path.stem)


def notebook_page(notebook: NotebookNode) -> str:
    """Return the body of the page of an executed notebook."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.strip():
            cell.metadata["folded_as"] = folded_as(cell)
    body, _ = _Exporter(raw_template=_TEMPLATE).from_notebook_node(notebook)
    return body


def folded_as(cell: NotebookNode) -> str:
    """Say what a cell of code does that a reader need not see at first: "set-up", "figure and tables", or nothing."""
    if "parameters" in cell.metadata.get("tags", []) or SET_UP.search(cell.source):
        return "set-up"
    return "figure and tables" if DRAWS.search(cell.source) else ""


def _take_figures(notebook: NotebookNode, stem: str) -> dict[str, bytes]:
    """Describe each figure by its section's "You should see" sentence, or its title, and move it into a file."""
    figures, said = dict[str, bytes](), ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found = [*SEEN.findall(cell.source), *HEADING.findall(cell.source)]
            said = MARKS.sub("", " ".join(found[0].split())) if found else said
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                place = f"{FIGURES}/{stem}-{len(figures) + 1}.webp"
                image = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).convert("RGB")
                figures[place] = _webp(image)
                size = f'width="{image.width}" height="{image.height}"'
                output.metadata["img"] = f'<img src="{place}" {size} loading="lazy" alt="{escape(said)}">'
    return figures


def _webp(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=QUALITY, method=4)
    return stream.getvalue()
