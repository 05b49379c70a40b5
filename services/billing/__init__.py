"""Billing: what families owe.

Owns      ``charges``: one per accepted line of a booking request; ``invoices``: a family's month,
          numbered without gaps per collection office (régie) and year; ``runs``: month ends;
          ``quotes``: what a basket costs, for half an hour; ``accounts``: what a family owes to an
          office, paid and is owed; ``drafts``: what agents read before a month is issued;
          ``payments``: on PayFiP, at the desk or by direct debit, whatever comes of them;
          ``tasks``: what waits for an agent; ``direct_debits``: requests and mandates;
          ``collections``, ``debits``: what is collected by them on a day, and what came of it.
Says      ``invoice-issued``, ``-settled``, ``-reopened``, ``payment-expired``, ``paid-late``,
          ``payment-received``, ``-reversed``, ``credit-granted``, ``-used``, ``-refunded``,
          ``task-opened``, ``-done``, ``direct-debit-changed``, ``debit-changed``,
          ``erasure-answered`` (facts).
Hears     ``booking-accepted``, ``booking-refused`` (charges and their cancellation),
          ``payment-awaited`` (an invoice at once), ``booking-withdrawn`` (nobody is to pay it
          any more), ``decided-up-to`` (a month is over),
          ``town-changed`` (tariffs), ``family-changed`` (who is invoiced, who may pay, quotients
          and facts), ``keys-rotated`` (to verify tokens), ``erasure-asked``, ``person-erased``
          (of families and of accounts).

A month is invoiced by itself, or drafted, once booking has said every decision made before the
next month began, in the town's time zone. What changes later is billed or given back by a
document of the difference.
"""
