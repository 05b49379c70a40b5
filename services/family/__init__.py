"""Family: who the families of a town are.

Owns      ``families``: one document per family record, with its guardians and the rights each
          has over each child, its children, its contacts, every field of them, and the changes
          that wait for the town; ``registrations``: dossiers built on line. ``uploads`` and
          ``files``: what families and agents sent, cleaned and sealed. ``documents``: supporting
          documents. ``letters`` to the town. ``news`` and ``published`` documents.
          ``feed``: *Mes demandes*, every request of a family, whichever service keeps it.
          ``moves``: records merged, split, children transferred.
Says      ``family-changed`` (state): the card of a family, whole.
          ``dossier-change-requested``, ``dossier-change-decided``, ``registration-sent``,
          ``registration-decided`` (facts, without values);
          ``erasure-asked``, ``person-erased`` (facts). ``document-changed`` (state),
          ``document-submitted``, ``document-decided``, ``document-expiring``,
          ``document-expired``. ``letter-sent``, ``letter-continued``, ``letter-answered``,
          ``letter-closed``. ``request-changed`` (state): a letter or document in the feed.
Hears     ``keys-rotated`` (to verify tokens), ``town-changed`` (to know schools and rules),
          ``request-changed`` (to show the family what it has asked for), ``erasure-answered``
          (booking, billing), ``quotient-received`` (what the CAF or the MSA says: accepted, or
          proposed).

Families come from the town's spreadsheet (``preau family import``); guardians read and change
their own dossier as the town's rules have it, agents search, read, change and decide.
"""
