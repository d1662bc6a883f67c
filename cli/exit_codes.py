"""The program's exit codes, as `lic --help` lists them."""

from __future__ import annotations

EXIT_CODES = {
    0: "done",
    1: "an error without a code of its own",
    2: "wrong usage",
    3: "unusable picture or unreadable input",
    4: "damaged file, or no lic file",
    5: "truncated file",
    6: "unknown version of the format",
    7: "missing or wrong weights",
    8: "too large",
    9: "cannot or must not write the output",
    10: "training failed",
    11: "an optional package is missing",
    12: "unknown codec to compare with",
    13: "nothing to evaluate",
    14: "unusable checkpoint of another codec",
    15: "training interrupted (it can be resumed)",
    16: "unusable settings of a training",
    17: "the file needs a newer program",
    18: "unusable device",
    19: "some of several inputs failed; the others are done",
    20: "no file of the picture keeps to the target",
    21: "the picture has no such region or size",
    22: "no network of so many bits or so small a budget",
    130: "interrupted (Ctrl-C)",
    143: "terminated (SIGTERM)",
}
