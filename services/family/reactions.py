"""What family does about others' events: it keeps copies of the signing keys and town files.

Both are states: one update whose filter excludes what is as recent or newer (``shared.copies``).
"""

from __future__ import annotations

from shared.bus.consumer import Reaction
from shared.copies import KeyCopy, TownCopy


def reactions(keys: KeyCopy, towns: TownCopy) -> list[Reaction]:
    """The table of reactions."""
    return [keys.reaction, towns.reaction]
