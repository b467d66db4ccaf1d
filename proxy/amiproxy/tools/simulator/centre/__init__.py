"""A call centre: agents in several queues, phones, trunks, parked calls and conferences.

    staff.py       who works there: queues, agents, phones, trunks, and the counters of the day so far
    calls.py       calls: to a queue, between phones, to the outside
    gatherings.py  a call that is parked, and a conference
    routine.py     agents who pause and come back, phones that go away, a trunk that fails
    traffic.py     all of these at a rate per minute

Lists and events agree at any time, as they do in Asterisk: whatever changes is changed right before the event
that reports it.
"""
