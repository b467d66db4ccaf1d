"""``ami-proxy setup``: everything between an installed program and the first event at a client.

    wishes.py    what the operator wants, from flags or answers
    facts.py     what is there: files, accounts, systemd, Asterisk's manager.conf
    texts.py     the text of proxy.yaml, and of the manager account's section
    owner.py     the user that Asterisk runs as
    manager.py   manager.conf: what it says, and its text with the account added
    steps.py     the kinds of steps: folders, files, certificates, commands
    plan.py      the steps that lead from what is there to what is wanted
    pairs.py     the part of it about the certificate and its renewal
    doing.py     does the steps
    link.py      why the link to Asterisk is down

Planning is pure: from facts and wishes it makes steps, which are values, so that a dry run can show
all of them.  Each step is atomic; after an error, the next run plans what is left.
"""
