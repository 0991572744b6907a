"""What every room stands on: the errors, and classes that cost next to nothing to define."""
