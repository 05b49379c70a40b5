"""The rules of a town, as pure functions: a question, the town's data and an instant in; an
answer that explains itself out.

``days`` who is open when · ``cutoffs`` instants · ``facts`` what is known of who asks ·
``answers`` may it be done · ``moments`` how long an answer holds · ``absences`` what an absence
comes to · ``wording`` in French.
"""
