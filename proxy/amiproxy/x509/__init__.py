"""X.509: issue, read, check and compare certificates and their files.

Depends on files and ``cryptography`` only, not on sockets, an event loop, TLS
contexts or a clock (``now`` is an argument).  So the core can use it to map a client
certificate to a user, and the command line can check files without a listener.

- ``errors``    the family of errors
- ``files``     write keys and certificates atomically, with the required mode
- ``snapshot``  read several files as one consistent set, through symlinks
- ``pem``       split PEM files into certificates, keys, CRLs; clear errors
- ``names``     subject alternative names as text; which name a certificate covers
- ``facts``     a certificate's properties, for operators and log lines
- ``identity``  which manager user a client certificate belongs to
- ``expiry``    how soon a certificate expires
- ``ending``    what expires: a served certificate, a client CA, a revocation list
- ``issuing/``     a private CA, server and client certificates, requests, renewal, revocation lists
- ``validating/``  may these files be served, with remedies; is this client certificate (still) valid?
"""
