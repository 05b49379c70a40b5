"""Notify: everything that is written to families, each thing once.

Owns   addresses to write to, acknowledgements, the digests of decisions, the mail log.
Says   digest-sent, mail-failed.
Hears  keys-rotated, town-changed, account-changed, activation-requested, guardian-invited,
       agent-invited, password-reset-requested, email-change-requested, email-changed,
       login-mean-changed, account-closing, person-erased (identity), family-changed,
       person-erased (family),
       booking-requested, booking-withdrawn, booking-accepted, booking-refused,
       decisions-completed, decided-up-to, enrolment-requested, enrolment-accepted,
       enrolment-refused, enrolment-withdrawn (booking), invoice-issued (billing).

Reactions only store: an intention to write, or an outcome. ``digests`` freezes outcomes into
digests and digests into mails; ``sending`` claims mails, sends them, records the result.
"""
