"""The HTTP server under AJAM, WebSocket and the JSON interface.

Only this package imports h11 and websockets, which come with the extra [http]; ``service`` imports it only if
a listener has ``door: http``.  ``hosts`` and ``responses`` need neither, so the metrics server uses them too.
"""
