"""How answers and events look: as tables, pairs, text or JSON, for a terminal of any width or a file."""
