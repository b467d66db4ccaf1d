"""How an agent judges the actions that edges ask it to execute."""
