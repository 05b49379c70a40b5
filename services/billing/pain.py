"""The file that a bank takes: pain.008, SEPA Core direct debits, as sepaxml writes it.

What the library gives by chance or by its own clock (the file's name, its instant, the names of its
parts) is set here, so that the same collection is the same file; it also says which mandates were
amended. Nothing leaves that does not keep to the schema. Source: EPC130-08 (implementation
guidelines, customer to bank); ISO 20022.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Any, NamedTuple

from lxml import etree
from sepaxml import SepaDD

from services.billing.domain.debits.collections import Collection, Debit

#: Same mandate, new debtor account.
_NEW_ACCOUNT = "SMNDA"
_LONGEST_TEXT = 140


class NotToSchema(Exception):
    """The file does not keep to its schema; the message says where, without its content."""


class Entry(NamedTuple):
    """A debit, and what the bank is told of its mandate and account; ``signed_on``: the mandate."""

    debit: Debit
    signed_on: date
    iban: str
    bic: str | None
    holder: str


def written(collection: Collection, entries: Sequence[Entry], at: str) -> bytes:
    """The file of a collection, made at that instant (ISO, the town's time): one part for each
    sequence type. Raises ``NotToSchema``."""
    config = {
        "name": collection.creditor_title, "IBAN": collection.iban, "BIC": collection.bic,
        "batch": True, "creditor_id": collection.creditor, "currency": "EUR",
    }  # fmt: skip
    file = SepaDD(config, schema=collection.version, clean=True)
    for entry in entries:
        file.add_payment(_payment(entry))
    document = etree.fromstring(file.export(validate=False), _parser())
    _name(document, collection, at)
    amended = {entry.debit.id for entry in entries if entry.debit.amended}
    for transaction in _all(document, "DrctDbtTxInf"):
        if _first(transaction, "EndToEndId").text in amended:
            _amend(_first(transaction, "MndtRltdInf"))
    _check(document, collection.version)
    whole: bytes = etree.tostring(document, xml_declaration=True, encoding="UTF-8")
    return whole


def debits_in(file: bytes) -> frozenset[str]:
    """The ids of the debits that a file holds."""
    document = etree.fromstring(file, _parser())
    return frozenset(str(one.text) for one in _all(document, "EndToEndId"))


def _payment(entry: Entry) -> dict[str, Any]:
    debit = entry.debit
    numbers = ", ".join(one.number for one in debit.parts)
    return {
        "name": entry.holder, "IBAN": entry.iban, **({"BIC": entry.bic} if entry.bic else {}),
        "amount": debit.cents, "type": debit.sequence, "collection_date": debit.on,
        "mandate_id": debit.mandate_reference, "mandate_date": entry.signed_on,
        "description": f"Factures {numbers}"[:_LONGEST_TEXT], "endtoend_id": debit.id,
    }  # fmt: skip


def _name(document: Any, collection: Collection, at: str) -> None:
    header = _first(document, "GrpHdr")
    _first(header, "MsgId").text = collection.number
    _first(header, "CreDtTm").text = at
    for part in _all(document, "PmtInf"):
        _first(part, "PmtInfId").text = f"{collection.number}-{_first(part, 'SeqTp').text}"


def _amend(mandate: Any) -> None:
    """Banks are told that the account is another, of the same mandate."""
    _under(mandate, "AmdmntInd").text = "true"
    details = _under(mandate, "AmdmntInfDtls")
    account = _under(_under(details, "OrgnlDbtrAcct"), "Id")
    _under(_under(account, "Othr"), "Id").text = _NEW_ACCOUNT


def _check(document: Any, version: str) -> None:
    schema = _schema(version)
    if not schema.validate(document):
        fault = schema.error_log.last_error
        where = "" if fault is None else f"line {fault.line}: {fault.type_name}"
        raise NotToSchema(f"{version}: {where}")


@lru_cache(maxsize=2)
def _schema(version: str) -> Any:
    with as_file(files("sepaxml") / "schemas" / f"{version}.xsd") as path:
        return etree.XMLSchema(etree.parse(path, _parser()))


def _parser() -> Any:
    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)


def _all(element: Any, name: str) -> list[Any]:
    return list(element.iter(f"{{*}}{name}"))


def _first(element: Any, name: str) -> Any:
    return next(element.iter(f"{{*}}{name}"))


def _under(parent: Any, name: str) -> Any:
    return etree.SubElement(parent, etree.QName(etree.QName(parent).namespace, name))
