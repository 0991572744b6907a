"""The options that all operators share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from concatsplit_core.array.inference import Casting
from concatsplit_core.array.layouts import Order
from concatsplit_core.codecs.checksums import Checksum
from concatsplit_core.codecs.pipeline import Codec, parse_codec
from concatsplit_core.formats.storage import Wish
from concatsplit_core.foundation.errors import UsageError, did_you_mean
from concatsplit_core.foundation.records import dataclass, field
from concatsplit_core.foundation.sizes import parse_size
from concatsplit_core.meaning.agreement import ConflictRule, KeptAttributes
from concatsplit_core.planning import thresholds
from concatsplit_core.planning.task import ROUTES, Route
from concatsplit_core.planning.thresholds import Thresholds
from concatsplit_core.run.limits import default_budget

if TYPE_CHECKING:
    from concatsplit_core.run.staged.step import RunStep

CASTINGS = get_args(Casting)
_PATH = (str, os.PathLike)
_TYPES: dict[str, Any] = {
    **dict.fromkeys(("force", "promote", "check", "dry_run", "sync"), bool),
    **dict.fromkeys(("if_changed", "follow_links", "resume"), bool),
    **dict.fromkeys(("jobs", "zarr_format", "offset"), int),
    **dict.fromkeys(("chunks", "shards", "codec", "routes", "raw"), str),
    **dict.fromkeys(("picture", "manifest", "depfile"), _PATH),
    "memory": (str, int),
    "depends_on": tuple,
    "on_event": Callable,
}
"""Types that options can have as they are; those that a program gives may be others."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of an operator, with the names that they have on the command line.

    Parameters
    ----------
    force : bool
        Replace existing outputs.
    memory : str or int, optional
        Budget for array data in memory, such as ``"64MiB"``. The default is 256MiB, less if a
        control group or ``ulimit`` allows less.
    jobs : int, optional
        Worker threads. The default is the number of CPUs that this process may use.
    dtype : dtype-like, optional
        Cast to this dtype, if `casting` allows it.
    casting : str
        Which casts are allowed, as in NumPy.
    promote : bool
        Join inputs of different dtypes; the output has the dtype of `numpy.result_type`.
    attrs : {"first", "common", "none"}
        Which descriptive attributes the outputs get: the first input's, those that all inputs
        share, or none.
    conflicts : {"exact", "refuse", "first", "convert"}
        What to do if attributes that define what the numbers mean differ between the inputs:
        convert if nothing is lost, refuse, take the first input's, or convert with rounding.
    chunks : tuple of int, "auto" or "none", optional
        Chunk shape of an HDF5 or Zarr output.
    shards : tuple of int, "auto" or "none", optional
        Shape of the shards of a Zarr format 3 output, a multiple of the chunk shape.
    codec : str, optional
        Compression of the output, such as ``"zstd:3"``.
    checksum : {"auto", "crc32c", "fletcher32", "none"}
        Checksum of the output's chunks: ``crc32c`` for Zarr, ``fletcher32`` for HDF5 and Zarr
        format 2. "auto" uses zstd's own, and crc32c for a Zarr format 3 output with the default
        codec.
    check : bool
        Also check chunks that are copied as they are stored, to find damaged ones.
    memory_order : {"C", "F"}, optional
        Memory order of an .npy or .npz output.
    zarr_format : {2, 3}, optional
        Format of a Zarr output.
    grid : {"regular", "rectilinear"}
        Chunk grid of a Zarr format 3 output; rectilinear keeps the inputs' chunks.
    routes : str or sequence of str, optional
        Allow only these routes, such as ``"mapped,decoded"``.
    dry_run : bool
        Plan only; create nothing.
    picture : path, optional
        Draw the plan of a dry run to this .svg file.
    sync : bool
        Make the outputs durable before they get their names.
    manifest : path, optional
        Write a record of the run to this file; `undo` and `verify` read it.
    if_changed : bool
        Do nothing if the manifest records the same request, and its inputs and outputs are still
        the same. Otherwise replace outputs that are as the manifest records them.
    depfile : path, optional
        Write a rule for make and ninja to this file: which files the outputs are made from.
    depends_on : sequence of str
        More files that `depfile` lists.
    raw : str, optional
        What input files of bare elements (.dat, .bin, .raw) hold: a dtype and the length of every
        axis, at most one of them ``*``, such as ``"int16,*,384"``.
    offset : int
        Bytes before their first element.
    follow_links : bool
        Follow links that lead out of a Zarr store, for reading and writing.
    resume : bool
        Keep what is staged if the run is interrupted; the same call goes on from there.
    step : Step, optional
        Do one step of a staged run; `stage`, `run_tasks` and `commit` give it.
    executor : str, distributed.Client or concurrent.futures.Executor
        Who does the tasks: ``"threads"`` of this process, ``"dask"`` for processes on this
        machine, ``"dask:tcp://host:8786"`` or a client for a Dask cluster; or a pool of processes
        that the caller has, such as a ``ProcessPoolExecutor``.
    on_event : callable, optional
        Called with every event of the run, in the calling thread.
    thresholds : Thresholds
        Sizes from which a plan takes another route: for measurements and for tests.
    """

    force: bool = False
    memory: str | int | None = None
    jobs: int | None = None
    dtype: Any = None
    casting: Casting = "same_kind"
    promote: bool = False
    attrs: KeptAttributes = "first"
    conflicts: ConflictRule = "exact"
    chunks: Sequence[int] | Literal["auto", "none"] | None = None
    shards: Sequence[int] | Literal["auto", "none"] | None = None
    codec: str | Codec | None = None
    checksum: Checksum = "auto"
    check: bool = False
    memory_order: Order | None = None
    zarr_format: int | None = None
    grid: Literal["regular", "rectilinear"] = "regular"
    routes: str | Sequence[str] | None = None
    dry_run: bool = False
    picture: str | os.PathLike[str] | None = None
    sync: bool = True
    manifest: str | os.PathLike[str] | None = None
    if_changed: bool = False
    depfile: str | os.PathLike[str] | None = None
    depends_on: Sequence[str] = ()
    raw: str | None = None
    offset: int = 0
    follow_links: bool = False
    resume: bool = False
    step: RunStep | None = None
    executor: Any = "threads"
    on_event: Callable[[Any], None] | None = None
    thresholds: Thresholds = field(default_factory=lambda: thresholds.DEFAULT)

    def __post_init__(self) -> None:
        self._check_types()
        self.raw_description  # noqa: B018 - raises for a wrong one before anything is opened
        self.allowed_routes  # noqa: B018 - raises for a wrong route before anything is opened
        self._refuse_alone()
        if self.promote and self.dtype is not None:
            raise UsageError("--dtype and --promote both choose a dtype; give one of them")
        if self.casting not in CASTINGS:
            raise UsageError(f"--casting {self.casting} is not one of {', '.join(CASTINGS)}")
        if self.attrs not in get_args(KeptAttributes):
            raise UsageError(
                f"--attrs {self.attrs} is not one of {', '.join(get_args(KeptAttributes))}"
            )
        if self.conflicts not in get_args(ConflictRule):
            raise UsageError(
                f"--conflicts {self.conflicts} is not one of {', '.join(get_args(ConflictRule))}"
            )
        if self.jobs is not None and self.jobs < 1:
            raise UsageError(f"--jobs {self.jobs} is not a number of threads, 1 or more")
        if self.zarr_format not in (None, 2, 3):
            raise UsageError(f"--zarr-format {self.zarr_format} is not 2 or 3")
        if self.grid not in {"regular", "rectilinear"}:
            raise UsageError(f"--grid {self.grid} is not regular or rectilinear")
        if self.checksum not in get_args(Checksum):
            raise UsageError(
                f"--checksum {self.checksum} is not one of {', '.join(get_args(Checksum))}"
            )
        if self.memory_order not in (None, "C", "F"):
            raise UsageError(f"--memory-order {self.memory_order} is not C or F")

        if self.resume or self.step is not None or not self.is_on_threads:
            self._stay_staged()

    def _check_types(self) -> None:
        """Take what a program gives for what it stands for, and refuse other types."""
        for name, usual in _TYPES.items():
            value = getattr(self, name)
            if value is not None and not isinstance(value, usual):
                from concatsplit_core.run.option_types import typed

                object.__setattr__(self, name, typed(name, value))

    def _refuse_alone(self) -> None:
        """Refuse options that mean nothing without another one."""
        for name in ("manifest", "depfile"):
            if getattr(self, name) is not None and os.fspath(getattr(self, name)) == "-":
                raise UsageError(f"--{name}: is written to a file and not to stdout; give its name")
        if self.if_changed and self.manifest is None:
            raise UsageError("--if-changed compares with the last run's --manifest; give both")
        if self.picture is not None and not self.dry_run:
            raise UsageError("--picture draws the plan of a dry run; give --dry-run as well")

    def _stay_staged(self) -> None:
        """Refuse what a staged run cannot do, and note what the recovery completes of it."""
        from concatsplit_core.run.staged.step import Completions

        if isinstance(self.executor, str):
            if not _is_executor(self.executor):
                raise UsageError(f"--executor {self.executor} is not threads, dask or dask:ADDRESS")
        elif not callable(getattr(self.executor, "submit", None)):
            raise UsageError(
                f"executor: a {type(self.executor).__name__} is no text such as 'dask', no client "
                "of Dask and no executor of concurrent.futures"
            )
        is_staged = self.step is not None and self.step.phase in {"stage", "run", "commit"}
        if is_staged and not self.is_on_threads:
            raise UsageError(
                "--executor: the tasks of a staged run are done by 'concatsplit run'; leave it out"
            )
        if is_staged and self.if_changed:
            raise UsageError("--if-changed: a staged run is done in any case; leave it out")
        if self.resume and not isinstance(self.on_event, Completions):
            object.__setattr__(self, "on_event", Completions(self.on_event))

    @property
    def is_on_threads(self) -> bool:
        """Whether threads of this process do the tasks."""
        return isinstance(self.executor, str) and self.executor == "threads"

    @property
    def raw_description(self) -> str | None:
        """What files of bare elements hold, as it follows ``::`` in a reference.

        Raises
        ------
        UsageError
            It is not a dtype and a shape.
        """
        if self.raw is None and not self.offset:
            return None
        from concatsplit_core.formats.raw import description_from

        return description_from(self.raw, self.offset)

    @property
    def memory_bytes(self) -> int:
        """The budget in bytes."""
        return default_budget() if self.memory is None else parse_size(self.memory, "--memory")

    @property
    def workers(self) -> int:
        """Number of worker threads."""
        return self.jobs or len(os.sched_getaffinity(0))

    @property
    def allowed_routes(self) -> tuple[Route, ...]:
        """The routes that may be taken, cheapest first.

        Raises
        ------
        UsageError
            A name is not that of a route.
        """
        if self.routes is None:
            return ROUTES
        names = self.routes.split(",") if isinstance(self.routes, str) else self.routes
        wanted = {name.strip() for name in names}
        unknown = wanted.difference(ROUTES)
        if unknown or not wanted:
            raise UsageError(
                f"--routes {','.join(names)}: '{min(unknown, default='')}' is not one of "
                f"{', '.join(ROUTES)}{did_you_mean(min(unknown, default=''), ROUTES)}"
            )
        return tuple(route for route in ROUTES if route in wanted)

    @property
    def wanted_dtype(self) -> np.dtype | None:
        """The dtype to cast to.

        Raises
        ------
        UsageError
            It is not a dtype of NumPy, is an array dtype, or holds Python objects.
        """
        if self.dtype is None:
            return None
        from concatsplit_core.array.low_precision import low_precision_named

        named = low_precision_named(self.dtype)
        if named is not None:
            return named
        try:
            dtype: np.dtype = np.dtype(self.dtype)
        except (TypeError, ValueError, SyntaxError) as error:
            from concatsplit_core.run.option_types import meant_dtype

            hint = meant_dtype(str(self.dtype)) or "; write float32, '>i4' or bfloat16, say"
            raise UsageError(f"--dtype {self.dtype}: {error}{hint}") from error
        if dtype.hasobject:
            raise UsageError(f"--dtype {self.dtype}: Python objects cannot be stored")
        if dtype.subdtype is not None:
            raise UsageError(
                f"--dtype {self.dtype}: its elements are arrays of {dtype.base}; give {dtype.base}"
            )
        return dtype

    @property
    def wish(self) -> Wish:
        """The options that concern the layout of the outputs."""
        codec = parse_codec(self.codec) if isinstance(self.codec, str) else self.codec
        rectilinear = self.grid == "rectilinear"
        return Wish(
            _shape("--chunks", self.chunks),
            codec,
            self.memory_order,
            self.zarr_format,
            rectilinear,
            checksum=self.checksum,
            shards=_shape("--shards", self.shards),
        )


def _shape(option: str, wanted: Sequence[int] | str | None) -> Any:
    """The shape that an option asks for, or the word."""
    if isinstance(wanted, str):
        if wanted not in {"auto", "none"}:
            raise UsageError(f"{option} {wanted} is not a shape, auto or none")
        return wanted
    return None if wanted is None else tuple(int(length) for length in wanted)


def _is_executor(name: str) -> bool:
    kind, colon, address = name.partition(":")
    return name in {"threads", "dask"} or (kind == "dask" and bool(colon and address.strip()))
