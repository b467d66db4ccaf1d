"""The AMI protocol: framing, parsing and serialising.  No event loop, clock, logging or configuration."""
