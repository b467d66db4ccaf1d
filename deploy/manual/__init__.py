"""The manual pages and the shells' completions, written from the commands' parsers and the annotated files.

Nothing here is part of the program.  ``python -m deploy.manual FOLDER`` writes all of it
in the layout of a package: ``FOLDER/usr/share/man`` and so on.
"""
