"""What there is to translate: the sentences of templates, and the words of tables and pages."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from jinja2 import Environment

from services.portal.languages.sentences import found_in
from services.portal.rendering import TEMPLATES

_PORTAL = TEMPLATES.parent
_WORDS = re.compile(r"[A-ZÀ-Ý][^\W\d_]|[^\W\d_] [^\W\d_]")

app = typer.Typer()


@app.command(name="portal-messages")
def portal_messages() -> None:
    """Print the catalogue to translate the portal's pages by (gettext's .pot)."""
    write_po(sys.stdout.buffer, catalogue(), width=0, include_lineno=False)


def catalogue() -> Catalog:
    """Every sentence once, with where it stands."""
    found = Catalog(project="preau-portal", charset="utf-8")
    environment = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=True)
    for file in sorted(TEMPLATES.rglob("*.html")):
        where = [(str(file.relative_to(_PORTAL)), 0)]
        for one in found_in(environment, file.read_text()):
            found.add(one if isinstance(one, str) else tuple(one), locations=where)
    for file in sorted(
        [
            *_PORTAL.glob("words.py"),
            *(_PORTAL / "pages").rglob("*.py"),
            *_PORTAL.glob("web.py"),
            *_PORTAL.glob("serving.py"),
        ]
    ):
        for text in _texts(file):
            found.add(text, locations=[(str(file.relative_to(_PORTAL)), 0)])
    return found


def _texts(file: Path) -> Iterator[str]:
    """The texts of a module that people may read: those that are no documentation."""
    tree = ast.parse(file.read_text())
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.body and isinstance(node.body[0], ast.Expr)
    }  # fmt: skip
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documentation
            and _WORDS.search(node.value)
        ):
            yield node.value
