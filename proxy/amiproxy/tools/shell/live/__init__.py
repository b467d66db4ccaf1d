"""The running shell: the connection, the loop of commands, and the terminal."""
