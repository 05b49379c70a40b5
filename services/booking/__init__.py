"""Booking: what children may be booked into, requests, places and decisions.

Owns   sessions (places of one activity on one date), requests with their lines, decisions,
       enrolments (a child in a group of services).
Says   booking-requested, booking-accepted, booking-refused, booking-withdrawn, proof-given,
       decisions-completed, decided-up-to, enrolment-requested, enrolment-accepted,
       enrolment-refused, enrolment-withdrawn, erasure-answered; request-changed (state: a
       request's card, whole); payment-awaited (places held until they are paid).
Hears  keys-rotated, town-changed, person-erased (identity), family-changed, erasure-asked,
       person-erased (family), invoice-settled, payment-expired, paid-late (billing).

A place is granted by one conditional update of its session; what became of each line is written
in its request, with the events that say so. ``commands.settling`` is resumable at every step.
"""
