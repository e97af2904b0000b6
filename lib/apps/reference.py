"""Make the reference of `lib` with pdoc from its docstrings: a page per module, and a front page of all rooms.

It is written into the static site, as `api`. Pages fetch nothing from elsewhere and contain no path of this machine.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from html import escape
from pathlib import Path

from markupsafe import escape as quoted
from pdoc import doc, render

from lib.apps.site.book import read_book
from lib.apps.site.site_page import API, HOME, render_page
from lib.apps.site.write_site import write_index
from lib.base.files import ROOT, write_atomic
from lib.base.progress import progress

FRONT = "<p>Every public module of <code>lib/</code>, by room. Each page has a search over all of them.</p>"


def write_reference(site: Path) -> list[Path]:
    """Write the reference into a folder of the site, and link to it from the site's index if that exists already.

    Returns the pages. A module that needs something that this machine lacks, such as a GPU's compiler, is left out, and
    the front page says so.
    """
    render.configure(docformat="numpy", show_source=False, footer_text="Companion")
    modules, absent = dict[str, doc.Module](), list[str]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pdoc warns of annotations that are imported for type checkers only
        for name in module_names():
            try:
                modules[name] = doc.Module.from_name(name)
            except RuntimeError:
                absent.append(name)
        pages = {
            module_page(name): render.html_module(one, modules) for name, one in progress(modules.items(), desc="api")
        }
        pages["search.js"] = render.search_index(modules)
    summaries = {name: one.docstring.split("\n\n")[0] for name, one in modules.items()}
    book = read_book()
    pages["index.html"] = render_page("Reference", _front(summaries, absent), f"{API}/index.html", book)
    for place, content in pages.items():
        write_atomic(site / API / place, without_paths(content))
    if (site / HOME).is_file():
        write_index(site, book)
    return [site / API / place for place in pages]


def module_names(library: Path = ROOT / "lib") -> list[str]:
    """List the dotted names of all modules, packages before their contents."""
    files = sorted(path for path in library.rglob("*.py") if path.name != "__main__.py")
    dotted = [".".join(path.relative_to(library.parent).with_suffix("").parts) for path in files]
    return sorted(name.removesuffix(".__init__") for name in dotted)


def module_page(name: str) -> str:
    """Return the place of a module's page within the reference, to which pdoc links."""
    return f"{name.replace('.', '/')}.html"


def without_paths(page: str, root: Path = ROOT) -> str:
    """Write files of the repository relative to its root, wherever a page contains one, as default values do.

    A root with a quote or a letter beyond ASCII is written in another way in HTML and in JSON.
    """
    plain = [str(root), str(quoted(str(root)))]
    for form in dict.fromkeys([*plain, *(json.dumps(one)[1:-1] for one in plain)]):
        page = page.replace(f"{form}/", "").replace(form, ".")
    return page


def _front(summaries: Mapping[str, str], absent: list[str]) -> str:
    """Make the front page: a section per room, with the first sentence of each module."""
    parts = ["<h1>Reference</h1>", FRONT]
    for name, summary in summaries.items():
        link = f'<a href="{module_page(name)}">{name}</a>'
        about = escape(" ".join(summary.split()))
        parts.append(f"<h2>{link}</h2><p>{about}</p>" if name.count(".") == 1 else f"<p>{link} {about}</p>")
    if absent:
        parts.append(f"<p>Not here, since this machine cannot import them: {escape(', '.join(absent))}.</p>")
    return "\n".join(parts)
