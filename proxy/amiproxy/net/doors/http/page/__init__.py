"""The page that people look at: its files, its WebSocket, and its part of the JSON interface."""
