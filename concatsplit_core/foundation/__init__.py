"""What every room stands on: errors, records, signals, and values as text."""
