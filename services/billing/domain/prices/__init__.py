"""Prices: facts in, lines out, each with its amount, its rule and its reason.

``facts`` what is known · ``book`` a town's prices, ready to be asked · ``quotients`` which one
counts · ``tariffs`` the price of one thing · ``times`` slices of time · ``knowing`` ranks, statuses
and counters · ``operations`` what changes a price, in the town's order · ``late`` late pick-ups ·
``sharing`` payers · ``rounding`` · ``lines`` what comes out · ``basket`` the whole · ``wording``
what families read.
"""
