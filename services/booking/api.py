"""Booking's routes: parse, call, answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.booking import catalogue, enrolment_queries, planning_queries, queries
from services.booking.attached import States, states_of
from services.booking.catalogue_schemas import Activities, Answers, CatalogueQuery
from services.booking.commands import (
    answering,
    asking,
    deciding,
    enrolling,
    justifying,
    withdrawing,
)
from services.booking.domain.acts import Act, By
from services.booking.domain.history import seen
from services.booking.domain.request import Line, Request
from services.booking.enrolment_schemas import (
    EnrolmentDecisionsIn,
    EnrolmentDecisionsOut,
    EnrolmentIn,
    EnrolmentOut,
    EnrolmentPage,
    EnrolmentQuery,
    EnrolmentWithdrawalIn,
    Groups,
    GroupsQuery,
)
from services.booking.personal_data import collect
from services.booking.proof_schemas import ProofDecisionsIn, ProofDecisionsOut, ProofsIn
from services.booking.schemas import (
    DecisionsIn,
    DecisionsOut,
    FamilyPlanning,
    FamilyPlanningQuery,
    GivenOut,
    LineOut,
    Planning,
    PlanningQuery,
    Recap,
    RequestActOut,
    RequestIn,
    RequestOut,
    RequestPage,
    RequestQuery,
    RequestSeen,
    WithdrawalIn,
)
from services.booking.state import Booking
from services.booking.trial_schemas import RuleTrialIn, RuleTrialOut
from services.booking.trying import tried
from shared.auth import ACCOUNT, FAMILY, AgentScope, Scope, agents, either
from shared.personal_data import personal_data_routes
from shared.town_files import SENT_BYTES
from shared.web.routes import Call, NoBody, NoQuery, Plain, Route, Versioned

_DESK = agents("childcare_office", "administrator")
_READERS = agents("childcare_office", "administrator", "billing_office", "read_only")
#: Requests are the only thing of booking that is known by site: a director reaches nothing else.
_DIRECTOR = agents("centre_director")
_ADMINISTRATOR = agents("administrator")


async def list_activities(booking: Booking, call: Call[NoBody, CatalogueQuery]) -> Activities:
    return await catalogue.activities(booking, call.town, call.query)


async def list_answers(booking: Booking, call: Call[NoBody, NoQuery]) -> Answers:
    return await catalogue.answers(booking, call.town)


async def see_planning(booking: Booking, call: Call[NoBody, PlanningQuery]) -> Plain:
    return Plain(await planning_queries.planning(booking, call.scope, call.query))


async def see_family_planning(booking: Booking, call: Call[NoBody, FamilyPlanningQuery]) -> Plain:
    found = await planning_queries.of_family(booking, call.scope, call.query)
    for one in found:
        call.act.concerns(child=one["child"])
    return Plain({"participants": found})


async def recap(booking: Booking, call: Call[RequestIn, NoQuery]) -> Recap:
    return await queries.recap(booking, call.scope, call.body)


async def ask(booking: Booking, call: Call[RequestIn, NoQuery]) -> RequestOut:
    found = await asking.ask(booking, call.scope, call.body, call.known_command)
    return _request_out(found, as_receipted=True)


async def list_requests(booking: Booking, call: Call[NoBody, RequestQuery]) -> RequestPage:
    found = await queries.requests(booking, call.scope, call.query)
    states = await states_of(booking, call.scope, _attached(found.items))
    items = tuple(_request_seen(one, call.scope, states) for one in found.items)
    return RequestPage(items=items, next=found.next)


async def see_request(booking: Booking, call: Call[NoBody, NoQuery]) -> Versioned:
    found = await queries.request(booking, call.scope, call.path["request"])
    states = await states_of(booking, call.scope, _attached([found]))
    return Versioned(_request_seen(found, call.scope, states), found.v)


async def withdraw(booking: Booking, call: Call[WithdrawalIn, NoQuery]) -> RequestOut:
    found = await withdrawing.take_back(booking, call.scope, call.path["request"], call.body)
    return _request_out(found)


async def justify(booking: Booking, call: Call[ProofsIn, NoQuery]) -> RequestOut:
    found = await justifying.justify(
        booking, call.scope, call.path["request"], call.body, call.known_command
    )
    return _request_out(found)


async def decide_proofs(
    booking: Booking, call: Call[ProofDecisionsIn, NoQuery]
) -> ProofDecisionsOut:
    return await justifying.decide_proofs(booking, call.agent_scope, call.body, call.known_command)


async def decide(booking: Booking, call: Call[DecisionsIn, NoQuery]) -> DecisionsOut:
    scope, asked = call.agent_scope, {one.request for one in call.body.decisions}
    for family in await queries.families_of(booking, scope, asked):
        call.act.concerns(family=family)
    return await deciding.decide_many(booking, scope, call.body, call.known_command)


async def list_groups(booking: Booking, call: Call[NoBody, GroupsQuery]) -> Groups:
    return await enrolment_queries.groups(booking, call.scope, call.query)


async def enrol(booking: Booking, call: Call[EnrolmentIn, NoQuery]) -> EnrolmentOut:
    found = await enrolling.enrol(booking, call.scope, call.body, call.known_command)
    return enrolment_queries.shown(found, call.scope, {}, as_receipted=True)


async def list_enrolments(booking: Booking, call: Call[NoBody, EnrolmentQuery]) -> EnrolmentPage:
    return await enrolment_queries.sent(booking, call.scope, call.query)


async def see_enrolment(booking: Booking, call: Call[NoBody, NoQuery]) -> Versioned:
    found = await enrolment_queries.enrolment(booking, call.scope, call.path["enrolment"])
    return Versioned(await enrolment_queries.show(booking, call.scope, found), found.v)


async def withdraw_enrolment(
    booking: Booking, call: Call[EnrolmentWithdrawalIn, NoQuery]
) -> EnrolmentOut:
    found = await enrolling.take_back(booking, call.scope, call.path["enrolment"], call.body)
    return await enrolment_queries.show(booking, call.scope, found)


async def decide_enrolments(
    booking: Booking, call: Call[EnrolmentDecisionsIn, NoQuery]
) -> EnrolmentDecisionsOut:
    scope, asked = call.agent_scope, {one.enrolment for one in call.body.decisions}
    for family in await enrolment_queries.families_of(booking, scope, asked):
        call.act.concerns(family=family)
    return await answering.decide_many(booking, scope, call.body, call.known_command)


async def try_rules(booking: Booking, call: Call[RuleTrialIn, NoQuery]) -> RuleTrialOut:
    return await asyncio.to_thread(tried, call.body, booking.clock.town())


def _request_out(request: Request, *, as_receipted: bool = False) -> RequestOut:
    """``as_receipted``: as the family was first told, so that a repetition answers the same."""
    return RequestOut(
        id=request.id,
        number=request.number,
        family=request.family,
        channel=request.channel,
        guardian=request.guardian,
        requested_at=request.requested_at,
        lines=[_line_out(line, as_receipted) for line in request.lines if line.state != "asked"],
        not_retained=list(request.not_retained),
        comment=request.comment,
        attachments=request.attachments,
        version=request.version,
        override=request.override,
    )


def _attached(requests: Sequence[Request]) -> list[str]:
    """The documents that these requests name."""
    return [
        _id
        for request in requests
        for ids in (
            request.attachments,
            *(one.given.documents for one in request.lines if one.given),
        )
        for _id in ids
    ]


def _request_seen(request: Request, scope: Scope, states: States) -> RequestSeen:
    """The request with its history, of the lines that are shown, and where its documents stand."""
    lines = tuple(line.id for line in request.lines)
    asked = RequestActOut(
        at=request.requested_at, what="asked", lines=lines, by=request.origin.by,
        account=_account(request.account, request.origin.by, scope), channel=request.channel,
        guardian=request.guardian, reason=request.override, request=None, number=None,
    )  # fmt: skip
    return RequestSeen(
        **dict(_request_out(request)),
        document_states={_id: states[_id] for _id in _attached([request]) if _id in states},
        history=[asked, *(_act_out(act, scope) for act in seen(request.history, request.lines))],
    )


def _act_out(act: Act, scope: Scope) -> RequestActOut:
    return RequestActOut(
        at=act.at, what=act.what, lines=act.lines, by=act.by,
        account=_account(act.account, act.by, scope), channel=act.channel, guardian=act.guardian,
        reason=act.reason, request=act.request, number=act.number,
    )  # fmt: skip


def _account(account: str | None, by: By, scope: Scope) -> str | None:
    """Whose act it was; families do not learn which agent."""
    return account if by == "family" or isinstance(scope, AgentScope) else None


def _line_out(line: Line, as_receipted: bool) -> LineOut:
    said = line.receipted if as_receipted else line.said
    return LineOut(
        **queries.comes_to(line, said), line=line.id, overridden=line.overridden,
        given=None if as_receipted else _given_out(line),
        answer=None if as_receipted else line.answer,
        ended=line.ended is not None and not as_receipted,
        absent=line.absent is not None and not as_receipted,
        **line.booked, state=said.state, reason=said.reason,
        decided_at=said.decided_at, cancel_until=line.cancel_until,
        cancel_from=line.cancel_from, cancel_always=line.cancel_always,
        pay_until=line.pay_until,
    )  # fmt: skip


def _given_out(line: Line) -> GivenOut | None:
    given = line.given
    return None if given is None else GivenOut.model_validate(given, from_attributes=True)


ROUTES = [
    Route("GET", "/activities", list_activities, "The town's catalogue",
          either(ACCOUNT, _READERS), Activities, query=CatalogueQuery),
    Route("GET", "/answers", list_answers, "The town's own answers to requests",
          either(_READERS, _DIRECTOR), Answers),
    Route("GET", "/planning", see_planning, "A child's days: booked, bookable, until when",
          either(FAMILY, _READERS), Planning, query=PlanningQuery),
    Route("GET", "/family-planning", see_family_planning,
          "The days of everybody in a family: booked, bookable, until when",
          either(FAMILY, _READERS), FamilyPlanning, query=FamilyPlanningQuery),
    Route("POST", "/recaps", recap, "What validating these wishes would do",
          either(FAMILY, _DESK), Recap, body=RequestIn,
          refusals=("too-many-dates", "wrong-proof", "document-unknown", "document-not-valid")),
    Route("POST", "/requests", ask, "Ask for bookings, for days or over periods",
          either(FAMILY, _DESK), RequestOut, body=RequestIn, status=201, idempotent=True,
          refusals=("nothing-bookable", "too-many-dates", "wrong-proof", "document-unknown",
                    "document-not-valid", "idempotency-key-reused",
                    "idempotency-key-missing")),
    Route("GET", "/requests", list_requests, "Requests, newest first",
          either(FAMILY, _READERS, _DIRECTOR), RequestPage, query=RequestQuery),
    Route("GET", "/requests/{request}", see_request, "One request",
          either(FAMILY, _READERS, _DIRECTOR), RequestSeen, versioned=True),
    Route("POST", "/requests/{request}/withdrawals", withdraw,
          "Take back what waits for an answer or to be paid", either(FAMILY, _DESK), RequestOut,
          body=WithdrawalIn, refusals=("booked-together", "paid-together")),
    Route("POST", "/decisions", decide, "Accept and refuse lines, one or many at once",
          either(_DESK, _DIRECTOR), DecisionsOut, body=DecisionsIn, idempotent=True,
          max_body=512 * 1024,
          refusals=("idempotency-key-reused", "idempotency-key-missing")),
    Route("POST", "/requests/{request}/proofs", justify,
          "Justify an absence, or what is free once proved", either(FAMILY, _DESK), RequestOut,
          body=ProofsIn, idempotent=True,
          refusals=("nothing-to-prove", "wrong-proof", "proof-too-late", "document-unknown",
                    "document-not-valid", "idempotency-key-reused", "idempotency-key-missing")),
    Route("POST", "/proof-decisions", decide_proofs,
          "Accept and refuse proofs, one or many at once", _DESK, ProofDecisionsOut,
          body=ProofDecisionsIn, idempotent=True, max_body=512 * 1024,
          refusals=("idempotency-key-reused", "idempotency-key-missing")),
    Route("GET", "/enrolments", list_groups,
          "Groups of services for a child: enrolled, open, when the next window opens",
          either(FAMILY, _READERS), Groups, query=GroupsQuery),
    Route("POST", "/enrolments", enrol, "Enrol a child in a group of services",
          either(FAMILY, _DESK), EnrolmentOut, body=EnrolmentIn, status=201, idempotent=True,
          refusals=("outside-window", "enrolment-over", "not-eligible", "already-asked",
                    "already-enrolled", "pattern-not-offered", "documents-missing",
                    "document-unknown", "document-not-valid",
                    "regulations-not-accepted", "desk-only", "too-many-dates",
                    "idempotency-key-reused", "idempotency-key-missing")),
    Route("GET", "/enrolments/{enrolment}", see_enrolment, "One enrolment with its history",
          either(FAMILY, _READERS), EnrolmentOut, versioned=True),
    Route("POST", "/enrolments/{enrolment}/withdrawals", withdraw_enrolment,
          "Take back what waits for an answer", either(FAMILY, _DESK), EnrolmentOut,
          body=EnrolmentWithdrawalIn, refusals=("already-decided",)),
    Route("GET", "/enrolment-requests", list_enrolments, "What was sent, newest first",
          either(FAMILY, _READERS), EnrolmentPage, query=EnrolmentQuery),
    Route("POST", "/enrolment-decisions", decide_enrolments,
          "Accept and refuse enrolments, one or many at once", _DESK, EnrolmentDecisionsOut,
          body=EnrolmentDecisionsIn, idempotent=True, max_body=512 * 1024,
          refusals=("idempotency-key-reused", "idempotency-key-missing")),
    Route("POST", "/rule-trials", try_rules, "What a town file that is not published would answer",
          _ADMINISTRATOR, RuleTrialOut, body=RuleTrialIn, max_body=SENT_BYTES,
          refusals=("town-file-wrong",)),
    *personal_data_routes("booking", collect),
]  # fmt: skip
