"""``python -m services.family``: this service in a process of its own."""

from services.family.service import build
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.runner import main

main({"family": build}, SUBSCRIPTIONS)
