"""Metrics in Prometheus' text format, at ``/metrics`` of each process."""

from __future__ import annotations

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest

HTTP_SECONDS = Histogram(
    "preau_http_seconds", "Time to answer an HTTP request", ["service", "route", "status"]
)
EVENTS_PUBLISHED = Counter("preau_events_published", "Events confirmed by the bus", ["service"])
EVENTS_HANDLED = Counter("preau_events_handled", "Deliveries by their end", ["service", "end"])
HELD_EVENTS = Gauge(
    "preau_held_events", "Events held by state, counted at each scrape", ["service", "state"]
)
OUTBOX_AGE = Gauge(
    "preau_outbox_age_seconds",
    "Age of the oldest event not yet published; only the replica that sweeps has it",
    ["service"],
)
OUTCOMES_WAITING = Gauge("preau_outcomes_waiting", "Outcomes that no digest holds yet", ["town"])
OUTCOME_AGE = Gauge(
    "preau_outcome_age_seconds", "Age of the oldest outcome that no digest holds yet", ["town"]
)
DIGEST_DELAY = Histogram(
    "preau_digest_delay_seconds",
    "From the cut-off to the mail server's acceptance",
    buckets=(5, 15, 30, 60, 120, 300, 600, 1800, 3600),
)
PAYMENTS = Counter(
    "preau_payments", "Payments by means and by the state they came into", ["means", "state"]
)
TASKS = Counter("preau_tasks", "What waits for agents, by what became of it", ["kind", "end"])
MAILS = Counter("preau_mails", "Mails by kind and result", ["kind", "result"])


def exposition() -> bytes:
    """All metrics of this process, in Prometheus' text format."""
    return generate_latest(REGISTRY)
