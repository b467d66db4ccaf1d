"""The targets' names, without importing the modules that they test: those must be instrumented first."""

NAMES = (
    "client_bytes",
    "client_session",
    "upstream_bytes",
    "merged_list",
    "answer_of_one",
    "client_of_several",
    "positions",
    "event_rebuilding",
    "eventfilters",
    "configuration",
    "users",
    "control",
    "proxy_header",
    "http_requests",
    "forwarding",
    "scrape_request",
    "digest_header",
    "client_certificate",
    "shell_answers",
)
