"""Who a user is and what it may do: plain types, immutable once built."""
