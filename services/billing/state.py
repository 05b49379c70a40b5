"""What commands, queries and reactions of billing work with."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.billing.domain.prices.book import PriceBook
from services.billing.payfip import PayFip
from services.billing.store import BillingStore
from services.billing.store.accounts import AccountStore
from services.billing.store.collections import CollectionStore
from services.billing.store.drafts import DraftStore
from services.billing.store.invoices import InvoiceStore
from services.billing.store.mandates import MandateStore
from services.billing.store.online_invoices import OnlineInvoiceStore
from services.billing.store.payments import PaymentStore
from services.billing.store.quotes import QuoteStore
from services.billing.store.tasks import TaskStore
from services.billing.store.withdrawals import WithdrawalStore
from shared.audit import Audit
from shared.auth import FamilyScope, Scope
from shared.clock import Clock
from shared.contracts.family import FamilyChanged
from shared.copies import Town, TownCopy
from shared.days import Days
from shared.errors import MissingCopy, not_found
from shared.holidays import FrenchHolidays
from shared.ids import new_id
from shared.pdf import Press
from shared.sealing import Sealer


class PriceBooks:
    """The prices of each town, made ready once for each file heard of."""

    def __init__(self) -> None:
        self._holidays = FrenchHolidays()
        self._ready: dict[str, tuple[int, PriceBook]] = {}

    def of(self, town: Town) -> PriceBook:
        """The prices of this version."""
        heard, book = self._ready.get(town.file.town, (None, None))
        if book is None or heard != town.heard:
            book = PriceBook.of(town.file, Days(town.file, self._holidays))
            self._ready[town.file.town] = (town.heard, book)
        return book


@dataclass(frozen=True, slots=True)
class Billing:
    """The collaborators, built once by ``service.build``; ``owner`` names this process."""

    store: BillingStore
    quotes: QuoteStore
    accounts: AccountStore
    invoices: InvoiceStore
    drafts: DraftStore
    towns: TownCopy
    clock: Clock
    press: Press
    payments: PaymentStore
    tasks: TaskStore
    withdrawals: WithdrawalStore
    online_invoices: OnlineInvoiceStore
    payfip: PayFip
    mandates: MandateStore
    collections: CollectionStore
    sealer: Sealer
    audit: Audit
    public_url: str
    payment_page: str | None = None
    owner: str = field(default_factory=new_id)
    books: PriceBooks = field(default_factory=PriceBooks)

    async def card_of(self, scope: Scope, family: str) -> tuple[FamilyChanged, int]:
        """A family's card within the bearer's reach, and which one it is. Raises ``Refused``."""
        if isinstance(scope, FamilyScope):
            scope.guardian_of(family)
        try:
            return await self.store.card(scope.town, family)
        except MissingCopy as missing:
            raise not_found("cette famille") from missing
