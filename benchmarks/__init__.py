"""Measure how fast the companion is, compared with its peers and with the bound of the machine: `make bench`."""
