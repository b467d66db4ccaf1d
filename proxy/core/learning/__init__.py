"""Learning: what users really use, and the least rights that would still allow it.

``recorder`` keeps shapes of actions while it is switched on, ``examples`` takes
out of their values what is nobody's business, and ``proposal`` looks for the
narrowest entry of users.yaml under which the judge would allow them all.
"""
