"""How fast the companion is, beside its peers and beside the bound of the machine: `make bench`."""
