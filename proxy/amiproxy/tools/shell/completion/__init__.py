"""What can be typed next, from the shipped table, from what the server lists, and from what was seen."""
