"""``ami-proxy check --against-running``: the files on disk compared with the service that runs.

``running`` asks the service over its control socket, ``candidate`` brings the files on disk into the
same form, ``comparing`` compares the two, and ``text`` writes the result.
"""
