"""Calls on the simulated PBX: each is a generator of events; some are started at a rate per minute."""
