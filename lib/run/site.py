"""A static site of the executed notebooks: an index, one page a notebook, and the source files that they speak of.

Pages follow the reader's choice of light or dark and fetch nothing from elsewhere: formulas are MathML, which browsers
set themselves. None holds a script but the explorer's, which is there once `python -m lib explorer` has made it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound

from lib.data.errors import CompanionError
from lib.data.files import ROOT, write_atomic
from lib.data.progress import progress
from lib.run.explorer import PAGE, kept_explorer
from lib.run.places import NOTEBOOKS
from lib.run.profiles import load_profile
from lib.run.runner import read_notebook

HREF = re.compile(r'(?P<before>(?:href|src)=")(?P<target>[^"#:]+)(?P<rest>(?:#[^"]*)?")')
CODE = re.compile(r"<code>(?P<path>[\w./-]+\.(?:py|yaml|json|md|csv))</code>")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
SEEN = re.compile(r"\*\*(You should see\*\* .+?)(?:\n\n|\Z)", re.DOTALL)
MARKS = re.compile(r"\]\([^)]*\)|[*`$\[\]]")

TEMPLATE = """{% extends "index.html.j2" %}
{% block html_head_js_requirejs %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block html_head_css %}<link rel="icon" href="data:,"><style>{{ resources.style }}</style>{% endblock %}
{% block body_header %}<body class="jp-Notebook" data-jp-theme-light="true">{{ resources.nav }}<main>{% endblock %}
{% block data_png scoped %}<div class="jp-RenderedImage jp-OutputArea-output {{ extra_class }}">
<img alt="{{ output | get_metadata("alt") | escape_html }}" src="data:image/png;base64,{{ output.data["image/png"] }}">
</div>{% endblock %}
"""
"""JupyterLab's look of a notebook, without the scripts that it would fetch."""

NO_EXPLORER = """# Explorer

Its page has not been made here. This makes it, in a minute or two where notebook 80 has run and in some more where it
first has to train:

    .venv/bin/python -m lib explorer explorer.html

Then write the site anew (`make html`).
"""

AS_THEY_ARE = (".png", ".svg")
"""Files that a browser shows itself; the others become pages."""

STYLE = """
body { margin: 0; background: #fff; color: #1a1a1a; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-x: auto; }
nav { padding: .5rem 1rem; font: 15px system-ui, sans-serif; border-bottom: 1px solid #8888; }
table { border-collapse: collapse; } th, td { padding: .25rem .6rem; border-bottom: 1px solid #8884; text-align: left; }
.anchor-link { text-decoration: none; opacity: .3; }
pre { overflow-x: auto; } a { color: #0b5cad; }
@media (prefers-color-scheme: dark) {
  body { background: #111; color: #ddd; } a { color: #7fb8f0; }
  img { background: #fff; }
}
"""


def write_site(folder: Path, notebooks: Path = NOTEBOOKS) -> list[Path]:
    """Write the site and return its pages; pages of an earlier one are written over.

    An error names a notebook that has not been executed.
    """
    paths = sorted(notebooks.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise CompanionError(f"no notebooks in {notebooks}; give a folder of NN_name.ipynb")
    pages = {path: _notebook(path) for path in progress(paths, desc="pages")}  # all, before anything is written
    site = _Site(folder)
    site.add("index.html", _readme(), ROOT)
    site.add(PAGE, _explorer(), ROOT)
    for path, page in pages.items():
        site.add(address(path), page, path.parent)
    done: set[Path] = set()
    while todo := sorted(site.wanted - done):  # a page of a source file may speak of further ones
        for path in todo:
            site.add(address(path), _source(path), path.parent)
        done |= set(todo)
    return site.pages


def address(path: Path) -> str:
    """Where a file of the repository stands in the site."""
    if path.suffix == ".ipynb":
        return f"{path.stem}.html"
    inside = path.relative_to(ROOT).as_posix()
    return f"source/{inside}" if path.suffix in AS_THEY_ARE else f"source/{inside}.html"


class _Site:
    """The pages written so far, and the files of the repository that they link to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pages: list[Path] = []
        self.wanted: set[Path] = set()

    def add(self, place: str, content: str | bytes, base: Path) -> None:
        """Write a page. place: within the site. base: the folder that relative links of its original start from."""
        if isinstance(content, str):
            content = self._linked(content, base, "../" * place.count("/")).encode()
        page = self.folder / place
        page.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(page, content)
        self.pages.append(page)

    def _linked(self, html: str, base: Path, up: str) -> str:
        """The page with links to files of the repository, and the names of such files, linked within the site."""

        def find(target: str) -> str | None:
            for folder in (base, ROOT):
                path = (folder / unquote(unescape(target))).resolve()
                if path == ROOT / PAGE:  # the site's own, wherever a reader keeps another
                    return None
                if path.is_file() and path.is_relative_to(ROOT):
                    self.wanted |= set() if path.suffix == ".ipynb" else {path}
                    return up + address(path)
            return None

        def link(match: re.Match[str]) -> str:
            return match["before"] + (find(match["target"]) or match["target"]) + match["rest"]

        def name(match: re.Match[str]) -> str:
            found = find(match["path"])
            return f'<a href="{found}">{match[0]}</a>' if found else match[0]

        return CODE.sub(name, HREF.sub(link, html))


class _Renderer(IPythonRenderer):
    """Markdown's HTML with formulas as MathML."""

    def inline_math(self, body: str) -> str:
        return convert(body)

    def block_math(self, body: str) -> str:
        return convert(body, display="block")


class _Exporter(HTMLExporter):
    """A notebook's page: TEMPLATE, with Markdown like that of all other pages."""

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        return _html(source)


def _html(markdown: str) -> str:
    return MarkdownWithMath(renderer=_Renderer(escape=False)).render(markdown)


def _readme() -> str:
    return _page("Companion", _html((ROOT / "README.md").read_text(encoding="utf-8")), "")


def _explorer() -> str:
    page = kept_explorer(load_profile("scenes"))
    if page is None:
        return _page("Explorer", _html(NO_EXPLORER), "")
    return page.replace("<body>", f"<body>\n{_nav('')}", 1)


def _notebook(path: Path) -> str:
    notebook = read_notebook(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if not any(cell.outputs for cell in code):
        raise CompanionError(f"{path.name} has no outputs; run `make notebooks` first")
    _describe_figures(notebook)
    exporter = _Exporter(raw_template=TEMPLATE, theme="light")
    dark = next(_themes(exporter)).read_text(encoding="utf-8")
    style = f"{STYLE}\n@media (prefers-color-scheme: dark) {{ {dark} }}"
    resources = {"metadata": {"name": path.stem}, "style": style, "nav": _nav("")}
    return exporter.from_notebook_node(notebook, resources=resources)[0]


def _describe_figures(notebook: NotebookNode) -> None:
    """Give every figure, for who cannot see it, what its section says should be seen, or the section's title."""
    said = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found = [*SEEN.findall(cell.source), *HEADING.findall(cell.source)]
            said = MARKS.sub("", " ".join(found[0].split())) if found else said
        elif cell.cell_type == "code":
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    output.metadata["alt"] = said


def _themes(exporter: HTMLExporter) -> Iterator[Path]:
    for folder in exporter.template_paths:
        path = Path(folder) / "static" / "theme-dark.css"
        if path.is_file():
            yield path
    raise CompanionError("nbconvert's dark theme is not installed; install the environment anew")


def _source(path: Path) -> str | bytes:
    if path.suffix in AS_THEY_ARE:
        return path.read_bytes()
    inside = path.relative_to(ROOT)
    text = path.read_text(encoding="utf-8")
    up = "../" * len(inside.parts)
    if path.suffix == ".md":
        return _page(inside.as_posix(), _html(text), up)
    try:
        lexer = get_lexer_for_filename(path.name)
    except ClassNotFound:
        return _page(inside.as_posix(), f"<pre>{escape(text)}</pre>", up)
    body = highlight(text, lexer, HtmlFormatter())
    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark"))
    styles = f"<style>{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}</style>"
    return _page(inside.as_posix(), f"{styles}<h1>{escape(inside.as_posix())}</h1>{body}", up)


def _page(title: str, body: str, up: str) -> str:
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += '<link rel="icon" href="data:,">'  # or browsers ask for one that is not there
    return (
        f'<!doctype html><html lang="en"><head>{head}<title>{escape(title)}</title><style>{STYLE}</style></head>'
        f"<body>{_nav(up)}<main>{body}</main></body></html>\n"
    )


def _nav(up: str) -> str:
    return f'<nav><a href="{up}index.html">All notebooks</a> · <a href="{up}{PAGE}">Explorer</a></nav>'
