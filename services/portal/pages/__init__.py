"""Every page, by part."""

from services.portal.pages import (
    account,
    booking,
    desk,
    direct_debit,
    documents,
    entry,
    franceconnect,
    home,
    household,
    invoices,
    looks,
    people,
    planning,
    registration,
    requests,
    times,
)
from services.portal.web import Page

PAGES: tuple[Page, ...] = (
    *entry.PAGES,
    *franceconnect.PAGES,
    *home.PAGES,
    *account.PAGES,
    *people.PAGES,
    *household.PAGES,
    *registration.PAGES,
    *planning.PAGES,
    *booking.PAGES,
    *times.PAGES,
    *requests.PAGES,
    *documents.PAGES,
    *invoices.PAGES,
    *direct_debit.PAGES,
    *looks.PAGES,
    *desk.PAGES,
)
