"""What makes two arrays differ: elements block by block, and what is said of them."""
