"""What the search can find."""

from __future__ import annotations

from lib.apps.site.search_page import search_page, sections_of

BODY = """<h1 id="t">T</h1><p>first &amp; <b>bold</b></p><div class="highlight"><pre>code</pre></div>
<h2 id="two">Two <code>x</code></h2><p>second</p>"""


def test_a_page_is_found_by_its_sections() -> None:
    first, second = sections_of("t.html", "Title", BODY)
    assert first == ["t.html", "Title", "", "T first & bold"]
    assert second == ["t.html#two", "Title", "Two x", "second"]


def test_no_text_ends_the_script() -> None:
    page = search_page([("t.html", "Title", "<p>&lt;/script&gt;</p>")])
    assert page.count("</script>") == 2 and "\\u003c/script>" in page
