"""``python -m tests.faults.phoenix SERVICE...``: services that rise again at once when killed.

This process imports everything and forks; the child runs the services. Killed, it is forked anew,
without importing anything again. Signals are handed on to the child, and how often it died is
kept in the file that ``PHOENIX_DEATHS`` names.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import FrameType

from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.runner import main as run

_HANDED_ON = (signal.SIGTERM, signal.SIGUSR1)


def main(names: list[str], deaths: Path) -> int:
    """Run until the child ends by itself; its exit code."""
    builds = {name: import_module(f"services.{name}.service").build for name in names}
    child = 0

    def hand_on(number: int, _: FrameType | None) -> None:
        if child:
            os.kill(child, number)

    for number in _HANDED_ON:
        signal.signal(number, hand_on)
    died = 0
    while True:
        child = os.fork()
        if child == 0:
            for number in _HANDED_ON:
                signal.signal(number, signal.SIG_DFL)
            run(builds, SUBSCRIPTIONS)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code != -signal.SIGKILL:
            return code
        died += 1
        deaths.write_text(str(died))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(os.environ["PHOENIX_DEATHS"])))
