"""The tiny publisher and consumer as a process of their own, for signals.

``python -m tests.bus.process FOLDER``: each reaction writes ``FOLDER/begun``, then lasts until
there is ``FOLDER/go-on``; ``FOLDER/draining`` says that the process waits for them to end.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import shared.runner
from shared.bus.consumer import Consumer
from shared.events import Envelope
from shared.runner import main
from tests.bus.rig import SUBSCRIPTIONS, build_listening, build_testing
from tests.world import eventually


def run(folder: Path) -> None:
    """Until SIGTERM."""

    async def told_to() -> bool:
        return (folder / "go-on").exists()

    async def behave(_: Envelope, __: Any) -> None:
        (folder / "begun").touch()
        await eventually(told_to)

    class Seen(Consumer):
        async def drain(self, within: float) -> bool:
            if self._service == "listening":
                (folder / "draining").touch()
            return await super().drain(within)

    shared.runner.Consumer = Seen
    builds = {"testing": build_testing, "listening": partial(build_listening, behave)}
    main(builds, SUBSCRIPTIONS)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
