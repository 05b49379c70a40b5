"""What banks say when a collection comes back, in words, and what it does to the mandate.

Source: ISO 20022 external status and return reason codes, as the SEPA Core scheme uses them
(EPC016-06, section 4.8; EPC173-14).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

#: ``counts``: the office's number of them in a row suspends the mandate; ``none``: it is the bank's
#: or the office's own affair.
Effect = Literal["none", "counts", "suspends", "ends"]


class Return(NamedTuple):
    """A reason, as families read it."""

    words: str
    effect: Effect


RETURNS: Mapping[str, Return] = {
    "AC01": Return("les coordonnées du compte sont inexactes", "suspends"),
    "AC04": Return("le compte est clos", "ends"),
    "AC06": Return("le compte est bloqué", "suspends"),
    "AC13": Return("ce type de compte ne peut pas être prélevé", "ends"),
    "AG01": Return("les prélèvements ne sont pas admis sur ce compte", "ends"),
    "AG02": Return("l'opération n'est pas admise par la banque", "none"),
    "AM04": Return("la provision du compte est insuffisante", "counts"),
    "AM05": Return("l'opération a été présentée deux fois", "none"),
    "BE05": Return("le créancier n'est pas reconnu par la banque", "none"),
    "CNOR": Return("la banque du créancier n'est pas joignable", "none"),
    "DNOR": Return("la banque du payeur n'est pas joignable par prélèvement", "suspends"),
    "FF01": Return("le fichier n'est pas conforme", "none"),
    "MD01": Return("la banque n'a pas de mandat valable", "ends"),
    "MD02": Return("les données du mandat sont incomplètes ou inexactes", "suspends"),
    "MD06": Return("le remboursement a été demandé à la banque", "counts"),
    "MD07": Return("le titulaire du compte est décédé", "ends"),
    "MS02": Return("l'opération a été refusée par le titulaire du compte", "suspends"),
    "MS03": Return("la banque n'a pas donné de motif", "counts"),
    "RC01": Return("l'identifiant de la banque (BIC) est inexact", "suspends"),
    "RR01": Return("le compte ou l'identité du payeur manque", "suspends"),
    "RR02": Return("le nom ou l'adresse du payeur manque", "none"),
    "RR03": Return("le nom ou l'adresse du créancier manque", "none"),
    "RR04": Return("la banque l'a rejeté pour une raison réglementaire", "suspends"),
    "SL01": Return("le titulaire du compte n'admet pas ce créancier", "suspends"),
    "TM01": Return("le fichier est arrivé trop tard à la banque", "none"),
}
