"""``python -m services.notify``: this service in a process of its own."""

from services.notify.service import build
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.runner import main

main({"notify": build}, SUBSCRIPTIONS)
