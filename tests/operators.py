"""What an operator types beside the running services."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from services.cli import app
from shared import logs


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    exit_code: int
    output: str


async def preau(*arguments: str) -> Done:
    """One ``preau`` command, in the environment as it is."""
    with pytest.MonkeyPatch.context() as patch:
        # A command line ends with its process; here its standard error is closed under the logger.
        patch.setattr(logs, "configure", lambda *_: None)
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.output)
