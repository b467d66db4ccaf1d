"""What a user may do through commands, of the command line and of AGI, and through configuration files."""
