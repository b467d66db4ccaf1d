"""The state of one Asterisk: what exists there now, as its lists and events have said."""
