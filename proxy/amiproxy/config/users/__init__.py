"""users.yaml: its entries, their checks, and the table that is built from them."""
