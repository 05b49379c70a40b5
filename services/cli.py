"""The ``preau`` command: runs a service, and what operations need."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from services.billing.operations import app as billing
from services.booking.operations import app as booking
from services.checks import app as checks
from services.documents import app as documents
from services.events import app as events
from services.family.operations import app as family
from services.identity.operations import app as identity
from services.notify.operations import app as notify
from services.portal.languages.messages import app as messages
from services.portal.service import main as run_portal
from services.registry import BUILDS
from shared import logs
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.errors import StoreUnavailable
from shared.runner import main as run_process

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def run(
    names: Annotated[
        list[str], typer.Argument(help=f"One or more of: {', '.join(BUILDS)}", metavar="SERVICE...")
    ],
) -> None:
    """Run services in this process until SIGTERM; settings come from the environment."""
    unknown = [name for name in names if name not in BUILDS]
    if unknown:
        raise typer.BadParameter(f"no such service: {', '.join(unknown)}")
    run_process({name: BUILDS[name] for name in names}, SUBSCRIPTIONS)


@app.command()
def portal() -> None:
    """Run the pages for families and agents until SIGTERM; they call the API at the gateway."""
    run_portal()


for part in (identity, family, booking, billing, notify, events, checks, documents, messages):
    app.add_typer(part)


def main() -> None:
    """Entry point of the distribution."""
    logs.configure("preau", "WARNING")
    try:
        app()
    except StoreUnavailable:
        sys.exit("The database does not answer: is MONGODB_URL right, is it up?")
