"""Counting and sharing: token buckets, fair queues, and what each user has put into Asterisk."""
