"""``python -m services.portal``: the pages in a process of their own."""

from services.portal.service import main

main()
