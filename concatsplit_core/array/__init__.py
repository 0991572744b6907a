"""What an array is, without its bytes: boxes, axes, specs, tilings and cuts."""
