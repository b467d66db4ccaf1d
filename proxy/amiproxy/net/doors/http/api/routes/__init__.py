"""The routes of the JSON interface, by subject."""
