"""Recorded sessions instead of a simulated PBX."""
