"""Named places where a process can be made to die, so that crash tests need no guess.

Every write, publication, acknowledgement and mail goes through a ``Step``: a step declares its
two fail points (``<name>.before`` and ``<name>.after``) by existing, so none can be forgotten.
A process dies by SIGKILL at the point that the file ``PREAU_FAIL_FILE`` names, once SIGUSR1 has
told it to read that file; ``name:3`` means at its third passage. Outside development the variable
is refused (``shared.settings``).
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

_steps: dict[str, Step] = {}


@dataclass(slots=True)
class Step:
    """One effect on the outside world, by name: ``<service>.<what>.<effect>``."""

    name: str
    _armed: dict[str, int] = field(default_factory=dict)

    def before(self) -> None:
        """Called right before the effect."""
        if self._armed:
            self._pass("before")

    def after(self) -> None:
        """Called when the effect is known to have happened, before anything is done about it."""
        if self._armed:
            self._pass("after")

    def _pass(self, side: str) -> None:
        left = self._armed.get(side)
        if left is None:
            return
        if left <= 1:
            os.kill(os.getpid(), signal.SIGKILL)
        self._armed[side] = left - 1


def step(name: str) -> Step:
    """Declare a step; a name is declared once."""
    if name in _steps:
        raise ValueError(f"step declared twice: {name}")
    _steps[name] = Step(name)
    return _steps[name]


def points() -> list[str]:
    """Every fail point of the modules imported so far."""
    return sorted(f"{name}.{side}" for name in _steps for side in ("before", "after"))


def arm(fail_at: str) -> None:
    """Make the process die at ``name.side`` or ``name.side:n``. Unknown names are an error."""
    point, _, count = fail_at.partition(":")
    name, _, side = point.rpartition(".")
    if point not in points():
        raise ValueError(f"no such fail point: {point}")
    _steps[name]._armed[side] = int(count or 1)


def arm_from(file: Path) -> None:
    """Arm the fail point that the file names, and remove the file: whoever wrote it knows then."""
    arm(file.read_text().strip())
    file.unlink()
