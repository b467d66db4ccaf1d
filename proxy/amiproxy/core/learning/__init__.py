"""Learning: record which rights users actually use, and propose the least rights that allow it.

``learner`` begins and ends recordings, ``recorder`` keeps shapes of actions meanwhile, ``examples`` removes
private data from their values, and ``proposal`` looks for the narrowest entry of users.yaml under which the
policy would allow them all.
"""
