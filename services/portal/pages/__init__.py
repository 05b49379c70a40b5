"""Every page, by part."""

from services.portal.pages import (
    account,
    booking,
    desk,
    documents,
    entry,
    home,
    household,
    invoices,
    planning,
    requests,
)
from services.portal.web import Page

PAGES: tuple[Page, ...] = (
    *entry.PAGES,
    *home.PAGES,
    *account.PAGES,
    *household.PAGES,
    *planning.PAGES,
    *booking.PAGES,
    *requests.PAGES,
    *documents.PAGES,
    *invoices.PAGES,
    *desk.PAGES,
)
