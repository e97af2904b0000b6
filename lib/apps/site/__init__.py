"""The static site: notebooks, documents, sources and the explorer as pages that need no server and no network.

`write_site` writes it, `book` orders its pages, `site_page` gives each its frame, and one module per kind of page
(`home_page`, `notebook_page`, `slides`, `source_page`, `search_page`) makes what is in it.
"""
