"""The JSON interface under ``/api/v1``: sessions, actions, state, events, and operators' commands.

Requests and answers are described once, by the routes in ``table``; the OpenAPI document is made from them.
"""
