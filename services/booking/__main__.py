"""``python -m services.booking``: this service in a process of its own."""

from services.booking.service import build
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.runner import main

main({"booking": build}, SUBSCRIPTIONS)
