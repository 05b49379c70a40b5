"""Bodies recorded from the real service (by Entr'ouvert, for eopayment), by what they say."""

from __future__ import annotations

NS = (
    "http://securite.service.tpa.cp.finances.gouv.fr/services/mas_securite/"
    "contrat_paiement_securise/PaiementSecuriseService"
)
IDOP = "cc0cb210-1cd4-11ea-8cca-0213ad91a103"


def envelope(inner: str) -> str:
    return (
        '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<S:Body>{inner}</S:Body></S:Envelope>"
    )


OPENED = envelope(
    f'<ns2:creerPaiementSecuriseResponse xmlns:ns2="{NS}"><return>\n  <idOp>{IDOP}</idOp></return>'
    "</ns2:creerPaiementSecuriseResponse>"
)
OFFICE = envelope(
    f'<ns2:recupererDetailClientResponse xmlns:ns2="{NS}"><return><libelleN1>POUETPOUET</libelleN1>'
    "<libelleN2>régie enfance</libelleN2><libelleN3></libelleN3><numcli>090909</numcli></return>"
    "</ns2:recupererDetailClientResponse>"
)


def detail(**changes: str | None) -> str:
    """A payment by debit of 10 €; a field that is None is not there."""
    fields: dict[str, str | None] = {
        "dattrans": "12122019", "exer": "20", "heurtrans": "1311", "idOp": IDOP,
        "mel": "john.doe@example.com", "montant": "1000", "numauto": "112233445566-tip",
        "numcli": "090909", "objet": "coucou", "refdet": "EFEFAEFG", "resultrans": "V",
        "saisie": "T",
    }  # fmt: skip
    fields |= changes
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items() if value)
    return envelope(
        f'<ns2:recupererDetailPaiementSecuriseResponse xmlns:ns2="{NS}"><return>{inner}</return>'
        "</ns2:recupererDetailPaiementSecuriseResponse>"
    )


def fault(code: str, label: str, kind: str = "FonctionnelleErreur") -> str:
    return envelope(
        '<S:Fault xmlns:ns4="http://www.w3.org/2003/05/soap-envelope">'
        "<faultcode>S:Server</faultcode><faultstring>"
        f"fr.gouv.finances.cp.tpa.webservice.exceptions.{kind}</faultstring><detail>"
        f'<ns2:{kind} xmlns:ns2="{NS}"><code>{code}</code><descriptif/><libelle>{label}</libelle>'
        f"<severite>2</severite></ns2:{kind}></detail></S:Fault>"
    )


#: The four that were recorded, and those that public integrations name.
CODES = {
    "A2": "Adresse mél incorrecte.",
    "R3": "Le format du paramètre REFDET n'est pas conforme",
    "P1": "IdOp incorrect.",
    "P5": "Résultat de la transaction non connu.",
    **{code: f"Erreur {code}" for code in (
        "A1", "D1", "M1", "M3", "M5", "N1", "P3", "P4", "S1",
        *(f"T{number}" for number in range(1, 11)),
    )},
}  # fmt: skip
