"""Family: who the families of a town are.

Owns      ``families``: one document per family record, with its guardians and the rights each
          has over each child, its children, its contacts.
Says      ``family-changed`` (state): the card of a family, whole.
Hears     ``keys-rotated`` (to verify tokens), ``town-changed`` (to know the schools).

Families come from the town's spreadsheet (``preau family import``); a guardian reads their own
household, agents search and read every family of their town.
"""
