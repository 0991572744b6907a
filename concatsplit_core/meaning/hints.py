"""The ends of error messages about a difference in meaning: which option helps."""

from __future__ import annotations

KEEP_FIRST = "; --conflicts first would keep the first input's, with the numbers as they are stored"
UNPACK_ALL = "; --conflicts convert would unpack them to floating-point numbers"
ROUND = "; --conflicts convert would round, first would leave the numbers as they are stored"
