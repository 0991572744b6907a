"""How arrays lie in a file or folder: a base, and one module or package a format."""
