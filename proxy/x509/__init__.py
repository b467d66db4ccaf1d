"""X.509: issue, read, judge and compare certificates and their files.

Knows files and ``cryptography``; knows no socket, no loop, no TLS context and
no clock (``now`` is an argument), so the core may ask it who a client
certificate names, and the command line may check files without a listener.

- ``errors``    the family of errors
- ``files``     write keys and certificates atomically, with the mode they need
- ``snapshot``  read several files as one consistent set, through symlinks
- ``pem``       cut PEM files into certificates, keys, CRLs; clear errors
- ``names``     subject alternative names as text; which name a certificate covers
- ``facts``     what people and log lines are told about a certificate
- ``issue``     a private CA, server and client certificates, requests, renewal
- ``revoke``    the CA's revocation list
- ``validate``  may this chain and key be served?  Findings with remedies
- ``trust``     client CA and CRL: is this client certificate (still) good?
- ``identity``  which manager user a client certificate stands for
- ``expiry``    how near the end is
"""
