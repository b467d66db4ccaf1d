"""The process: its composition, its start, its reloads and its end."""
