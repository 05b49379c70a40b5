"""Agents of a town, for its administrators."""

from __future__ import annotations

from datetime import date

from services.identity import queries
from services.identity.api.access import ADMINISTRATOR, REPEATED
from services.identity.commands import posts
from services.identity.commands.base import Identity
from services.identity.commands.posts import NewAgent
from services.identity.domain.accounts import Account, Person
from services.identity.domain.agents import Post
from services.identity.schemas.agents import (
    AgentCard,
    AgentInvitation,
    AgentMade,
    AgentPage,
    Appointment,
)
from shared.web.routes import Call, Empty, NoBody, NoQuery, PageQuery, Route

_POST_REFUSALS = ("site-unknown", "sites-missing", "end-date-missing")


async def post_agent(identity: Identity, call: Call[AgentInvitation, NoQuery]) -> AgentMade:
    body = call.body
    who = NewAgent(body.login_name, body.email, Person(
        first_name=body.first_name, last_name=body.last_name,
    ))  # fmt: skip
    post = Post(tuple(body.roles), tuple(body.sites), body.until, suspended=False)
    made = await posts.invite_agent(identity, call.agent_scope, who, post, call.known_command)
    return AgentMade(account=made)


async def get_agents(identity: Identity, call: Call[NoBody, PageQuery]) -> AgentPage:
    asked = call.query
    found = await queries.agents(identity, call.agent_scope, asked.after, asked.limit)
    _, file = await queries.town_file(identity, call.town)
    today = posts.today(identity, file)
    items = tuple(_card(one, call.town, today) for one in found)
    return AgentPage(items=items, next=items[-1].account if len(items) == asked.limit else None)


async def get_agent(identity: Identity, call: Call[NoBody, NoQuery]) -> AgentCard:
    found = await queries.agent(identity, call.agent_scope, call.path["account"])
    _, file = await queries.town_file(identity, call.town)
    return _card(found, call.town, posts.today(identity, file))


async def put_agent(identity: Identity, call: Call[Appointment, NoQuery]) -> Empty:
    body = call.body
    post = Post(tuple(body.roles), tuple(body.sites), body.until, body.suspended)
    account = call.path["account"]
    await posts.appoint(identity, call.agent_scope, account, post, call.known_command)
    return Empty()


async def post_agent_invitation(identity: Identity, call: Call[NoBody, NoQuery]) -> Empty:
    account = call.path["account"]
    await posts.invite_again(identity, call.agent_scope, account, call.known_command)
    return Empty()


async def delete_agent_factor(identity: Identity, call: Call[NoBody, NoQuery]) -> Empty:
    await posts.reset_second_factor(identity, call.agent_scope, call.path["account"])
    return Empty()


def _card(account: Account, town: str, today: date) -> AgentCard:
    membership = account.membership(town)
    if membership is None:
        raise RuntimeError("an agent of another town")
    until = date.fromisoformat(membership.until) if membership.until else None
    if membership.suspended:
        state = "suspended"
    elif until is not None and until < today:
        state = "ended"
    else:
        state = "active" if account.password is not None else "invited"
    return AgentCard.model_validate({
        "account": account.id, "login_name": account.login_name,
        "first_name": account.person.first_name, "last_name": account.person.last_name,
        "email": account.email, "roles": list(membership.roles), "sites": list(membership.sites),
        "until": until, "state": state, "second_factor": account.second_factor is not None,
    })  # fmt: skip


ROUTES = [
    Route(
        "POST", "/agents", post_agent, "Invite an agent, by mail", ADMINISTRATOR, AgentMade,
        body=AgentInvitation, status=201, idempotent=True,
        refusals=("login-name-taken", "login-name-invalid", *_POST_REFUSALS, *REPEATED),
    ),
    Route(
        "GET", "/agents", get_agents, "The town's agents", ADMINISTRATOR, AgentPage,
        query=PageQuery,
    ),
    Route("GET", "/agents/{account}", get_agent, "One agent", ADMINISTRATOR, AgentCard),
    Route(
        "PUT", "/agents/{account}", put_agent,
        "An agent's roles, sites, last day and suspension, whole", ADMINISTRATOR, Empty,
        body=Appointment, status=204, idempotent=True,
        refusals=("last-administrator", "too-busy", *_POST_REFUSALS, *REPEATED),
    ),
    Route(
        "POST", "/agents/{account}/invitations", post_agent_invitation,
        "Send the invitation again", ADMINISTRATOR, Empty, status=204, idempotent=True,
        refusals=("already-joined", *REPEATED),
    ),
    Route(
        "DELETE", "/agents/{account}/second-factor", delete_agent_factor,
        "Let another agent set up a new second factor", ADMINISTRATOR, Empty, status=204,
        refusals=("own-second-factor", "agent-of-several-towns"),
    ),
]  # fmt: skip
