"""The agents' desk: what waits for them, families, money, the town. One module per part."""

from services.portal.pages.desk import (
    access,
    billing,
    debits,
    documents,
    dossiers,
    enrolments,
    families,
    founding,
    imports,
    letters,
    measures,
    on_behalf,
    requests,
    rules,
    security,
    settings,
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
    *founding.PAGES,
    *imports.PAGES,
    *families.PAGES,
    *measures.PAGES,
    *access.PAGES,
    *on_behalf.PAGES,
    *billing.PAGES,
    *debits.PAGES,
    *town.PAGES,
    *rules.PAGES,
    *settings.PAGES,
)
