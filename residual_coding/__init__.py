"""Pixels coded without a network, or on top of one."""
