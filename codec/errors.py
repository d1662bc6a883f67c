"""Everything that can go wrong with a user's files, as one family of named errors.

Each has the exit code that the command line gives it. A message is one sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class LicError(Exception):
    """Something is wrong with an input; the message says what, in one sentence."""

    exit_code: ClassVar[int] = 1


class PictureError(LicError):
    """A picture cannot be read, or is of a kind that cannot be coded."""

    exit_code = 3


class CorruptFileError(LicError):
    """Not a lic file, or a damaged one."""

    exit_code = 4


class TruncatedFileError(CorruptFileError):
    """The file ends too early."""

    exit_code = 5


class UnsupportedVersionError(LicError):
    """The file has a format version that this program does not know."""

    exit_code = 6


class UnsupportedBoxError(LicError):
    """The file has a part that this program does not know and cannot do without."""

    exit_code = 17


class WeightsError(LicError):
    """The weights are not installed, or are not those that the file was made with."""

    exit_code = 7


class MissingDeviceError(LicError):
    """A device to run networks on cannot be used here."""

    exit_code = 18


class LimitError(LicError):
    """The picture is larger than the limit."""

    exit_code = 8


class RegionError(LicError):
    """A part or a size of a picture is asked for that it does not have."""

    exit_code = 21


class OutputError(LicError):
    """The output cannot be written."""

    exit_code = 9


class MissingPackageError(LicError):
    """A command needs an optional package that is not installed."""

    exit_code = 11


class SomeFailedError(LicError):
    """Some of several inputs could not be coded; the others were."""

    exit_code = 19


class TargetError(LicError):
    """No file of the picture keeps to the target."""

    exit_code = 20


@contextmanager
def extra(package: str, name: str) -> Iterator[None]:
    """Around imports of modules of a package that the extra ``name`` installs.

    Raises MissingPackageError, which says so, if it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != package:
            raise
        raise MissingPackageError(
            f"this needs the package {package.replace('_', '-')}: pip install 'lic[{name}]'"
        ) from error
