"""Every page, by part."""

from services.portal.pages import (
    account,
    booking,
    desk,
    direct_debit,
    documents,
    entry,
    home,
    household,
    invoices,
    looks,
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
    *direct_debit.PAGES,
    *looks.PAGES,
    *desk.PAGES,
)
