"""``python -m services.identity``: this service in a process of its own."""

from services.identity.service import build
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.runner import main

main({"identity": build}, SUBSCRIPTIONS)
