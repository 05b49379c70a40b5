"""How much a form may hold, read before anybody is known, and what it shows when it is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.portal import forms, words
from services.portal.answers import touches
from services.portal.forms import Form
from services.portal.gateway import Problem
from services.portal.languages.catalogues import FRENCH
from services.portal.languages.writing import writing
from services.portal.web import Visit

TEMPLATES = Path(forms.__file__).parent / "templates"


async def _sent(**parts: bytes) -> tuple[int, str]:
    """The status, and the names of the files, of a form with these files."""

    async def take(request: web.Request) -> web.Response:
        form = await forms.read_form(request)
        return web.Response(text=",".join(one.name for one in form.files))

    app = web.Application()
    app.router.add_post("/", take)
    body = FormData()
    for name, content in parts.items():
        body.add_field(name, content, filename=f"{name}.pdf", content_type="application/pdf")
    async with TestClient(TestServer(app)) as client:
        answer = await client.post("/", data=body)
        return answer.status, await answer.text() if answer.status == 200 else ""


async def test_a_form_is_bounded_as_a_whole_and_by_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MAX_FILE", 1000)
    monkeypatch.setattr(forms, "MAX_FORM", 2500)
    file = b"x" * 1000
    assert await _sent(one=file, two=file) == (200, "one.pdf,two.pdf")
    assert (await _sent(one=file + b"x"))[0] == 413
    assert (await _sent(one=file, two=file, three=file))[0] == 413


@pytest.mark.parametrize(
    ("kind", "known", "typed"),
    [
        ("text", None, {"f": [""]}),
        ("text", "Voisine", {"f": ["Voisine"]}),
        ("long_text", "Un\nmot", {"f": ["Un\r\nmot"]}),
        ("yes_no", False, {"f": ["non"]}),
        ("yes_no", None, {"f": [""]}),
        ("address", {"street": "1 rue", "postcode": "07000", "city": "V", "citycode": "07324"},
         {"f/street": ["1 rue"], "f/postcode": ["07000"], "f/city": ["V"]}),
        ("care_plan", None, {"f/first": [""], "f/packed_meal": ["non"]}),
        ("insurance", {"company": "A", "policy": "1", "until": None},
         {"f/company": ["A"], "f/policy": ["1"], "f/until": [""]}),
        ("consent", {"given": True, "version": "1", "by": "x"}, {"f": ["oui"]}),
        ("vaccinations", [{"vaccine": "dtp", "on": "2020-01-02"}],
         {"f/vaccine": ["dtp", ""], "f/on": ["2020-01-02", ""]}),
    ],
)  # fmt: skip
def test_what_is_shown_and_sent_back_as_it_was_is_no_change(
    kind: str, known: Any, typed: dict[str, list[str]]
) -> None:
    field = {"kind": kind, "choices": [], "statement": {"version": "1"}}
    assert not touches(field, known, Form(typed), "f")
    other = {name: ["oui" if one in (["non"], [""]) else "1"] for name, one in typed.items()}
    assert touches(field, known, Form(other), "f")


def _shown(template: str, macro: str, call: str, form: Form, problem: Problem | None = None) -> str:
    """What a macro shows of a form that was sent, and refused."""
    visit = SimpleNamespace(form=form, problem=problem, labels={})
    visit.fault = lambda name: Visit.fault(visit, name)  # type: ignore[arg-type]
    source = f"{{% from '{template}' import {macro} with context %}}{{{{ {macro}({call}) }}}}"
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= writing(FRENCH)
    return environment.from_string(source).render(visit=visit, static_version="v", words=words)


def test_of_the_rows_the_one_that_was_refused_holds_what_was_typed() -> None:
    problem = Problem(422, {"field": "/note", "detail": "Trop court."})
    form = Form({"note": ["ok"]})
    call = "visit, {}, 'k', 'note', 'Ce qui a été fait', minlength=3"
    sent, other = (
        _shown("desk/macros.html", "row_field", call.format(which), form, problem)
        for which in ("true", "false")
    )
    assert 'id="note"' in sent
    assert 'value="ok"' in sent
    assert "Trop court." in sent
    assert 'id="note-k"' in other
    assert 'value=""' in other
    assert "Trop court." not in other


def test_vaccinations_and_the_certificate_are_still_told_after_a_refusal() -> None:
    asked = "{'kind': 'vaccinations', 'rule': 'optional', 'label': 'Vaccins', 'choices': ["
    asked += "{'value': 'dtp', 'label': 'DTP'}, {'value': 'ror', 'label': 'ROR'}]}"
    form = Form({"v/vaccine": ["ror", ""], "v/on": ["2020-01-02", ""], "c": ["oui"]})
    rows = _shown(
        "dossier-input.html", "dossier_input", f"visit, {asked}, 'v', none, {{}}, {{}}", form
    )
    assert '<option value="ror" selected>' in rows
    assert 'value="2020-01-02"' in rows
    asked = "{'kind': 'certificate', 'rule': 'required', 'label': 'C', 'choices': [], "
    asked += "'statement': {'text': 'Je certifie'}}"
    box = _shown(
        "dossier-input.html", "dossier_input", f"visit, {asked}, 'c', none, {{}}, {{}}", form
    )
    assert " checked>" in box
