"""A private CA: issue, renew, request and revoke certificates."""
