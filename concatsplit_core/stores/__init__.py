"""Where bytes live: descriptors, staging folders, publishing, recovery."""
