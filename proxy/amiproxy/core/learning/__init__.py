"""Learning: record which rights users actually use, and propose the least rights that allow it.

``recorder`` keeps shapes of actions while it is switched on, ``examples`` removes private data
from their values, and ``proposal`` looks for the narrowest entry of users.yaml under which
the policy would allow them all.
"""
