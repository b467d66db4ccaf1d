"""What a user may do through the dialplan: applications, functions, variables."""
