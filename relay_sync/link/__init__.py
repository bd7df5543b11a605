"""Sockets and threads, and no word about calls."""
