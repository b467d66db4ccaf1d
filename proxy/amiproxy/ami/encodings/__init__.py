"""Other forms of AMI's messages, which the doors for HTTP speak: bytes in, bytes out."""
