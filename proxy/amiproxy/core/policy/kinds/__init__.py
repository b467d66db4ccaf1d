"""The checks of arguments: one check per kind, one file per family of kinds (see ``checks``)."""
