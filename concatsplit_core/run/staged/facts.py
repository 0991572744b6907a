"""What a staged run depends on, as facts that are compared before it is gone on with."""

from __future__ import annotations

from typing import Any

from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.job import Job
from concatsplit_core.foundation.records import fields
from concatsplit_core.planning.plan import Plan
from concatsplit_core.run.options import Options
from concatsplit_core.run.staged.digest import plan_digest

_NO_MATTER = {
    "force",
    "memory",
    "jobs",
    "dry_run",
    "picture",
    "sync",
    "manifest",
    "on_event",
    "resume",
    "executor",
    "step",
}
"""Options on which the outputs do not depend, or that the plan's digest has in it."""


def run_facts(job: Job, options: Options, plan: Plan, fingerprints: Fingerprints) -> dict[str, Any]:
    """All that has to be the same, by the names that users know, the plan as a whole last."""
    return {**_facts_before(job, options, fingerprints), "plan": plan_digest(plan)}


def decided_by(job: Job, options: Options, fingerprints: Fingerprints) -> str:
    """A digest of all that decides what the outputs hold; the plan decides only how they get it."""
    import xxhash

    arrays = [(move.shape, str(move.dtype), move.outputs) for move in job.moves]
    text = repr((_facts_before(job, options, fingerprints), arrays, job.asked))
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogateescape"))


def _facts_before(job: Job, options: Options, fingerprints: Fingerprints) -> dict[str, Any]:
    """What is known before there is a plan."""
    numbers = fingerprints.numbers
    read = [*job.sources, *job.compared]
    facts: dict[str, Any] = {
        "the operator": job.operator,
        "inputs": [[source.ref, numbers.get(source.ref)] for source in read],
    }
    for field in fields(options):
        if field.name not in _NO_MATTER:
            value = getattr(options, field.name)
            name = f"--{field.name.replace('_', '-')}"
            facts[name] = None if value is None else _shown(value)
    facts["the axis"] = [move.target_tiling.axis for move in job.moves]
    facts["outputs"] = [str(ref) for ref in job.outputs]
    facts["the second output"] = [str(ref) for ref, _ in job.extras]
    facts["where it is cut"] = [[str(n) for n in move.split_info] for move in job.moves]
    return facts


def _shown(value: Any) -> str:
    """A value as it is given on the command line."""
    return ",".join(map(str, value)) if type(value) in (list, tuple) else str(value)
