"""What makes two arrays differ: elements block by block, and the facts beside them."""
