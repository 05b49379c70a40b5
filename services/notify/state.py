"""What commands, queries and reactions of notify work with."""

from __future__ import annotations

from dataclasses import dataclass

from services.notify.rendering import Renderer
from services.notify.smtp import MailServer
from services.notify.store import Digests, Directory, Mails
from shared.clock import Clock
from shared.copies import KeyCopy, TownCopy
from shared.pdf import Press


@dataclass(frozen=True)
class Notify:
    """The collaborators, built once by ``service.build``."""

    directory: Directory
    digests: Digests
    mails: Mails
    clock: Clock
    press: Press
    towns: TownCopy
    keys: KeyCopy
    renderer: Renderer
    mail_server: MailServer
