"""The protocol: bytes and what they mean.  No loop, clock, logging or configuration."""
