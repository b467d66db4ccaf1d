"""What Asterisk has, and what each needs: applications, functions, variables, AGI and CLI commands."""
