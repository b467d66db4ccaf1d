"""``ami-proxy shell``: an interactive AMI client.

``language`` reads what is typed, ``completion`` offers what can be typed next, ``answers`` collects the
messages of one answer, ``showing`` renders, ``events`` filters and paces; these use no event loop.  ``live``
has the connection, the loop of commands, and the terminal.
"""
