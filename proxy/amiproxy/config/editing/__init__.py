"""Changes to the text of users.yaml: only the lines that a change concerns are rewritten."""
