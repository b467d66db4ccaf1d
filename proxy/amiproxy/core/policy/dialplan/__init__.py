"""What a user may do through the dialplan: applications, functions, variables.

A check returns its refusal, or None if the user may do it.  Names and data are as the client sent them.
"""
