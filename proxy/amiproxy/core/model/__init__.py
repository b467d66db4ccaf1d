"""Users, their rights and limits: plain types, immutable once built."""
