"""What the numbers mean: dimension names, attributes, missing values, units."""
