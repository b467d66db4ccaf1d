"""The checks of arguments: one for each kind, in one file for each family (see ``checks``)."""
