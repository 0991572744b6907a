"""The names of the variables that set options, so that no command is imported to know them."""

NAMES = (
    "ADD_AXIS", "ARRAY", "AT", "ATOL", "ATTRS", "AXIS", "BY_ARRAY", "CARRY", "CASTING", "CHECK",
    "CHECKSUM", "CHUNKS", "CODEC", "CONFLICTS", "DEBUG", "DEPFILE", "DROP_AXIS", "DRY_RUN", "DTYPE",
    "EXECUTOR", "FILES_FROM", "FOLLOW_LINKS", "FORCE", "GRID", "HEAD", "HISTORY", "HOP",
    "IF_CHANGED", "INPUTS", "JOBS", "JSON", "LENGTHS", "LENGTHS_FROM", "MANIFEST", "MAX_BYTES",
    "MEMBERS", "MEMORY", "MEMORY_ORDER", "MISSING", "NAMES", "NAN_EQUAL", "NULL", "OFFSET", "ONLY",
    "ORDER", "OUTPUT", "OUTPUTS", "PARTS", "PICTURE", "PROGRESS", "PROMOTE", "QUIET", "RANGE",
    "RATIO", "RAW", "REMAINDER", "RESUME", "ROUTES", "RTOL", "SCALE", "SHARDS", "SIZE",
    "SPLIT_INFO", "STATS", "SYNC", "TASKS", "TO", "TREE", "UNEVEN", "ZARR_FORMAT",
)  # fmt: skip
"""What follows the prefix, in alphabetical order."""
