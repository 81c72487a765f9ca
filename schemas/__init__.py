"""The contracts between teams: events, their encoding, and the topics that carry them.

Imports msgspec only, so that any service can depend on it.
"""
