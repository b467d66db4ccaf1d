"""The targets' names, to be had without importing what they test: that must be instrumented first."""

NAMES = (
    "client_bytes",
    "client_session",
    "upstream_bytes",
    "event_rebuilding",
    "eventfilters",
    "configuration",
    "users",
    "control",
    "proxy_header",
    "scrape_request",
    "client_certificate",
)
