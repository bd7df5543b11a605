"""One program for each client that is measured; each runs in an environment of its own and follows ``driver.py``."""
