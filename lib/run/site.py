"""A static site of the executed notebooks: an index, one page a notebook, and the source files that they speak of.

Pages follow the reader's choice of light or dark. Formulas are set by MathJax, which a page fetches when it is opened;
nothing else comes from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape
from pathlib import Path
from urllib.parse import unquote

from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound

from lib.data.errors import CompanionError
from lib.data.files import ROOT, write_atomic
from lib.data.progress import progress
from lib.run.places import NOTEBOOKS
from lib.run.runner import read_notebook

HREF = re.compile(r'(?P<before>(?:href|src)=")(?P<target>[^"#:]+)(?P<rest>(?:#[^"]*)?")')
CODE = re.compile(r"<code>(?P<path>[\w./-]+\.(?:py|yaml|json|md|csv))</code>")

STYLE = """
body { margin: 0; background: #fff; color: #1a1a1a; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-x: auto; }
nav { padding: .5rem 1rem; font: 15px system-ui, sans-serif; border-bottom: 1px solid #8888; }
table { border-collapse: collapse; } th, td { padding: .25rem .6rem; border-bottom: 1px solid #8884; text-align: left; }
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
    return f"source/{inside}" if path.suffix in (".png", ".svg") else f"source/{inside}.html"


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


def _readme() -> str:
    return _page("Companion", markdown2html((ROOT / "README.md").read_text(encoding="utf-8")), "")


def _notebook(path: Path) -> str:
    notebook = read_notebook(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if not any(cell.outputs for cell in code):
        raise CompanionError(f"{path.name} has no outputs; run `make notebooks` first")
    exporter = HTMLExporter(theme="light")
    html, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": path.stem}})
    dark = next(_themes(exporter)).read_text(encoding="utf-8")
    style = f"<style>{STYLE}\n@media (prefers-color-scheme: dark) {{ {dark} }}</style>"
    html = html.replace("</head>", f"{style}</head>", 1)
    return re.sub(r"(<body[^>]*>)", lambda match: match[1] + _nav(""), html, count=1)


def _themes(exporter: HTMLExporter) -> Iterator[Path]:
    for folder in exporter.template_paths:
        path = Path(folder) / "static" / "theme-dark.css"
        if path.is_file():
            yield path
    raise CompanionError("nbconvert's dark theme is not installed; install the environment anew")


def _source(path: Path) -> str | bytes:
    if path.suffix in (".png", ".svg"):
        return path.read_bytes()
    inside = path.relative_to(ROOT)
    text = path.read_text(encoding="utf-8")
    up = "../" * len(inside.parts)
    if path.suffix == ".md":
        return _page(inside.as_posix(), markdown2html(text), up)
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
    return (
        f'<!doctype html><html lang="en"><head>{head}<title>{escape(title)}</title><style>{STYLE}</style></head>'
        f"<body>{_nav(up)}<main>{body}</main></body></html>\n"
    )


def _nav(up: str) -> str:
    return f'<nav><a href="{up}index.html">All notebooks</a></nav>'
