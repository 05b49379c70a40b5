"""``python -m services.billing``: this service in a process of its own."""

from services.billing.service import build
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.runner import main

main({"billing": build}, SUBSCRIPTIONS)
