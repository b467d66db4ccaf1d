"""Denied actions: the last ones are kept, and the smallest change of rights is found that would allow one."""
