"""What a user may do through Asterisk's command line and configuration files."""
