"""What a manifest says of the content: hashed while it moves, or read again."""
