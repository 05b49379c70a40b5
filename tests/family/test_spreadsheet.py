"""The families' spreadsheet: what is read, and what is told about what cannot be."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.demo.generator import generate
from services.family.domain import spreadsheet
from services.family.domain.spreadsheet import Sheet

TODAY = date(2026, 9, 14)
HEADER = (
    "dossier;personne;rôle;nom;prénom;naissance;école;niveau;droits titulaire;"
    "droits co-titulaire;facturé;téléphone;courriel;adresse;code postal;ville;lien\n"
)
HOLDER = "12;1;titulaire;D'Éon;Anne-Laure;;;;;;;06 39 98 00 01;a@example.org;1 rue;07000;Veyras;\n"
CO_HOLDER = "12;2;co-titulaire;Roux;Paul;;;;;;oui;;;;;;\n"
CHILD = "12;3;enfant;D'Éon;Zoé;01/02/2019;tilleuls;CE1;;voir;;;;;;;\n"
CONTACT = "12;4;urgence;Faure;Luc;;;;;;;06 39 98 00 02;;;;;voisin\n"


def read(text: str | bytes) -> Sheet:
    content = text if isinstance(text, bytes) else text.encode()
    return spreadsheet.read(content, town="veyras", schools=frozenset({"tilleuls"}), today=TODAY)


def faults(text: str | bytes) -> list[tuple[int, str | None]]:
    return [(problem.line, problem.column) for problem in read(text).problems]


def test_a_family_is_read_with_the_rights_of_each_guardian() -> None:
    sheet = read(HEADER + HOLDER + CO_HOLDER + CHILD + CONTACT)
    assert sheet.problems == ()
    (family,) = sheet.families
    holder, co_holder = family.guardians
    (child,) = family.children
    assert (holder.role, holder.first_name, holder.last_name) == ("holder", "Anne-Laure", "D'Éon")
    assert (holder.invoiced, co_holder.invoiced) == (False, True)
    assert (child.birth_date, child.school, child.level) == (
        date(2019, 2, 1), "tilleuls", "CE1",
    )  # fmt: skip
    assert [(r.see, r.decide, r.pay) for r in holder.rights] == [(True, True, True)]
    assert [(r.see, r.decide, r.pay) for r in co_holder.rights] == [(True, False, False)]
    assert [(c.kind, c.last_name, c.relation) for c in family.contacts] == [
        ("emergency", "Faure", "voisin")
    ]


def test_order_of_columns_and_rows_bom_and_accents_of_headers_do_not_matter() -> None:
    plain = read(HEADER + HOLDER + CO_HOLDER + CHILD + CONTACT)
    rows = [line.rstrip("\n").split(";") for line in (HEADER, CHILD, HOLDER, CONTACT, CO_HOLDER)]
    turned = "\r\n".join(";".join(reversed(row)) for row in rows)
    turned = turned.replace("prénom", "PRENOM").replace("rôle", "Role")
    assert read(b"\xef\xbb\xbf" + turned.encode()) == plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, column.header) for column in spreadsheet.COLUMNS if column.required]),
        (HEADER, [(1, None)]),
        ("dossier,personne\n12,1\n", None),
        (HEADER.replace("lien", "note"), [(1, "note")]),
        (HEADER.replace("lien", "nom"), [(1, "nom")]),
        (HEADER + HOLDER + HOLDER, [(3, "personne")]),
        (HEADER + HOLDER + HOLDER.replace(";1;", ";2;"), [(3, "rôle")]),
        (HEADER + CONTACT, [(2, "rôle")]),
        (HEADER + HOLDER.replace("titulaire", "chef"), [(2, "rôle"), (2, "rôle")]),
        (HEADER + HOLDER.replace("D'Éon", ""), [(2, "nom")]),
        (HEADER + HOLDER.replace("07000", "7000"), [(2, "code postal")]),
        (HEADER + HOLDER.replace("07000", ""), [(2, "code postal")]),
        (HEADER + HOLDER.replace("a@example.org", "a.example.org"), [(2, "courriel")]),
        (HEADER + HOLDER.replace("06 39 98 00 01", "639980001"), [(2, "téléphone")]),
        (HEADER + HOLDER.replace("06 39 98 00 01", "domicile"), [(2, "téléphone")]),
        (HEADER + HOLDER.replace(";;;;;;;", ";01/01/1980;;;;;;"), [(2, "naissance")]),
        (HEADER + HOLDER + CHILD.replace("01/02/2019", "31/02/2019"), None),
        (HEADER + HOLDER + CHILD.replace(";voir;", ";;"), []),
        (HEADER + HOLDER + CHILD.replace(";voir;", ";;").replace("2019", "2027"),
         [(3, "naissance")]),
        (HEADER + HOLDER + CHILD.replace(";voir;", ";;").replace("tilleuls", "ailleurs"),
         [(3, "école")]),
        (HEADER + HOLDER + CHILD.replace(";voir;", ";;").replace("CE1", "C1"), [(3, "niveau")]),
        (HEADER + HOLDER + CHILD, [(3, "droits co-titulaire")]),
        (HEADER + HOLDER + CO_HOLDER + CHILD.replace(";voir;", ";regarder;"),
         [(4, "droits co-titulaire")]),
        (HEADER + HOLDER.replace(";;;;;;;", ";;;;;;oui;") + CO_HOLDER, [(3, "facturé")]),
        (HEADER + HOLDER + CONTACT.replace("06 39 98 00 02", ""), [(3, "téléphone")]),
        (HEADER + HOLDER + CO_HOLDER + CHILD + CHILD.replace(";3;", ";9;"), [(5, "prénom")]),
        (HEADER + HOLDER.rstrip("\n") + ";;\n", [(2, None)]),
        (HEADER + HOLDER + '12;2;urgence;"Faure;Luc\n', None),
        ((HEADER + HOLDER).encode("latin-1"), None),
        (HEADER + HOLDER.replace("D'Éon", "D\x00n"), [(2, "nom")]),
        (HEADER + HOLDER.replace("D'Éon", "n" * 101), [(2, "nom")]),
    ],
)  # fmt: skip
def test_each_problem_is_told_by_line_and_column(
    text: str | bytes, expected: list[tuple[int, str | None]] | None
) -> None:
    found = faults(text)
    if expected is None:
        assert found
    else:
        assert found == expected


def test_every_problem_of_a_file_is_told_at_once() -> None:
    other = HOLDER.replace("12;1;", "13;1;").replace("a@example.org", "?")
    assert faults(HEADER + HOLDER.replace("07000", "0") + other + CHILD.replace("CE1", "XX")) == [
        (2, "code postal"), (3, "courriel"), (4, "niveau"), (4, "droits co-titulaire"),
    ]  # fmt: skip


def test_a_row_over_several_lines_does_not_shift_the_numbers_told() -> None:
    spread = HOLDER.replace("1 rue", '"1 rue\nde la Gare"')
    assert faults(HEADER + spread + CHILD.replace(";voir;", ";;").replace("CE1", "XX")) == [
        (4, "niveau")
    ]


def test_ids_follow_the_towns_numbers_not_the_names() -> None:
    (before,) = read(HEADER + HOLDER + CO_HOLDER + CHILD).families
    (after,) = read(HEADER + HOLDER + CO_HOLDER + CHILD.replace("Zoé", "Zoë")).families
    assert before.children[0].id == after.children[0].id
    assert before.id == after.id


@settings(deadline=None)
@given(st.binary(max_size=400), st.sampled_from([HEADER, ""]))
def test_no_content_breaks_the_reader(noise: bytes, header: str) -> None:
    sheet = read(header.encode() + noise)
    assert sheet.problems or sheet.families


@settings(deadline=None)
@given(st.lists(st.lists(st.text(alphabet='0129/.;,"é enfatiuroshl-@+', max_size=12),
                         min_size=17, max_size=17), max_size=4))  # fmt: skip
def test_no_cells_break_the_reader(rows: list[list[str]]) -> None:
    lines = "\n".join(";".join(cell.replace(";", "").replace('"', "") for cell in row)
                      for row in rows)  # fmt: skip
    sheet = read(HEADER + lines)
    assert sheet.problems or sheet.families


@pytest.mark.parametrize("seed", [1, 2, 2026])
def test_invented_families_are_plausible_and_always_the_same(seed: int) -> None:
    text = generate(seed, "veyras", "tilleuls")
    assert text == generate(seed, "veyras", "tilleuls")
    assert text != generate(seed + 1, "veyras", "tilleuls")
    sheet = read(text)
    assert sheet.problems == ()
    assert len(sheet.families) == 200
    for family in sheet.families:
        assert 1 <= len(family.children) <= 4
        assert 1 <= len(family.guardians) <= 2
        assert [guardian.invoiced for guardian in family.guardians].count(True) == 1
        assert all(2015 < child.birth_date.year < 2024 for child in family.children)
        assert len({child.first_name for child in family.children}) == len(family.children)
    mails = [guardian.email for family in sheet.families for guardian in family.guardians]
    assert len(set(mails)) == len(mails)
    assert all(mail and mail.endswith((".org", ".net")) for mail in mails)
    holders = [f"{f.guardians[0].first_name} {f.guardians[0].last_name}" for f in sheet.families]
    assert len(set(holders)) < len(holders), "homonyms are part of the data"
