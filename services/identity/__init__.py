"""Identity: who may do what, in which town.

Owns   towns (their files), accounts of adults and agents (credentials, second factor, families,
       roles), login sessions and tokens, family keys, invitations, the signing keys.
Says   town-changed, keys-rotated, account-changed (states); activation-requested,
       guardian-invited, agent-invited, password-reset-requested, email-change-requested,
       email-changed, login-mean-changed, account-activated, account-closing, family-linked,
       family-unlinked, person-erased (facts).
Hears  family-changed (family): keys are issued only to guardians that exist, and a guardian
       who has left a family loses it at the next token; person-erased (family): links to it end.

An account belongs to its holder; towns and families are memberships inside it, so that linking
a family, with its events, is one write. Rights travel in access tokens of five minutes.
"""
