"""The agents' desk: what waits for them, families, money, the town. One module per part."""

from services.portal.pages.desk import (
    access,
    billing,
    debits,
    documents,
    dossiers,
    enrolments,
    families,
    letters,
    on_behalf,
    requests,
    rules,
    security,
    today,
    town,
)
from services.portal.web import Page

PAGES: tuple[Page, ...] = (
    *today.PAGES,
    *security.PAGES,
    *requests.PAGES,
    *enrolments.PAGES,
    *dossiers.PAGES,
    *documents.PAGES,
    *letters.PAGES,
    *families.PAGES,
    *access.PAGES,
    *on_behalf.PAGES,
    *billing.PAGES,
    *debits.PAGES,
    *town.PAGES,
    *rules.PAGES,
)
