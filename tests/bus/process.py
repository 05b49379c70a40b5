"""The tiny publisher and consumer as a process of their own, for signals.

``python -m tests.bus.process FOLDER``: each reaction writes ``FOLDER/begun``, then takes the
seconds in ``FOLDER/takes``.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Any

from shared.events import Envelope
from shared.runner import main
from tests.bus.rig import SUBSCRIPTIONS, build_listening, build_testing


def run(folder: Path) -> None:
    """Until SIGTERM."""

    async def behave(_: Envelope, __: Any) -> None:
        (folder / "begun").touch()
        await asyncio.sleep(float((folder / "takes").read_text()))

    builds = {"testing": build_testing, "listening": partial(build_listening, behave)}
    main(builds, SUBSCRIPTIONS)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
