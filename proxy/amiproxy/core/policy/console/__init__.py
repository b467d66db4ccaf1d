"""What a user may do through commands, of the command line and of AGI, and through configuration files.

A check returns its refusal, or None if the user may do it.
"""
