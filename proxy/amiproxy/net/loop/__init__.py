"""The event loop: time, fairness between sockets, supervision of tasks."""
