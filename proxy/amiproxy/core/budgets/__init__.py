"""The resources that a session may use, and how its actions wait or are refused beyond that."""
