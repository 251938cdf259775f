"""Sphinx's settings: MyST pages, the Furo theme, and pages made from the models. Nothing comes from the network."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from docutils import nodes
from generate import write_all, write_lesson_pages, write_players
from pygments.lexer import RegexLexer, bygroups
from pygments.token import Generic, Text
from sphinx.application import Sphinx

from durascope.version import __version__

GENERATED = Path(__file__).parent / "_generated"
(GENERATED / "site").mkdir(parents=True, exist_ok=True)  # Sphinx wants it before anything is made

project = "durascope"
author = "the durascope authors"
project_copyright = "the durascope authors, Apache License 2.0"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Links, and that each page is listed, are checked by tests/docs, which knows the anchors that GitHub makes, too.
suppress_warnings = ["myst.xref_missing", "toc.not_included", "misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_google_docstring = True

exclude_patterns = ["_build", "engines/README.md", "restate-findings", "fidelity"]
html_theme = "furo"
html_title = f"durascope {release}"
html_static_path = ["_static"]
html_css_files = ["durascope.css"]
html_extra_path = ["_generated/site"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"


class Console(RegexLexer):
    """What stands after `$ ` was typed, everything else is output: `(unconfirmed price)` is no prompt of a shell."""

    name = "console"
    tokens = {"root": [(r"(\$ )([^\n]*\n)", bygroups(Generic.Prompt, Generic.Strong)), (r"[^\n]*\n", Text)]}


def setup(app: Sphinx) -> None:
    """Makes the generated pages before any page is read; `-D lesson_pages=0` leaves out those that take seconds."""
    app.add_config_value("lesson_pages", True, "html", [bool, str])
    app.add_lexer("console", Console)
    app.connect("builder-inited", made)
    app.connect("doctree-read", sources_set_apart)


def made(app: Sphinx) -> None:
    """Writes what is generated."""
    write_all(GENERATED)
    if app.config.lesson_pages not in (False, "0"):
        write_lesson_pages(GENERATED / "site" / "lessons")
        write_players(GENERATED / "site" / "players")


SOURCE = re.compile(r"(\[(?:CFG|SPEC|[RSDFUPJC?])(?:[: ][^\[\]]*)?\])")
"""What a rule of an engine rests on: `[R: a recording]`, `[S:a/file.go]`, `[U]`."""


def sources_set_apart(app: Sphinx, page: nodes.document) -> None:
    """On the pages of rules, sources stand back: a rule is read without them, and found with them."""
    if not app.env.docname.startswith("engines/"):
        return
    for text in list(page.findall(nodes.Text)):
        parent = text.parent
        if isinstance(parent, nodes.literal | nodes.literal_block) or not SOURCE.search(text):
            continue
        parts = [part for part in SOURCE.split(text) if part]
        made_of = [
            nodes.inline(part, part, classes=["source"]) if SOURCE.fullmatch(part) else nodes.Text(part)
            for part in parts
        ]
        parent.replace(text, made_of)
