"""A plan of a very large join, made for real, and its run on a modelled store and cluster."""
