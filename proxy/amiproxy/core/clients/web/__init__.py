"""Web sessions: clients that are logged in without a connection of their own."""
