"""List queries of several clients that are asked once: the actions that wait, and the shared answers."""
