"""Times and memory of decoding a part of a picture, or a small one, against all of it.

``python benchmarks/parts.py PICTURE [--size 4000x3000]``. The picture, scaled to the size, is
encoded once; then each way of decoding it runs in a process of its own. Printed are the seconds of
the call (the median of 5), the processor's, and the peak of the process' memory (Linux alone).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

import lic

WAYS = {
    "all of it": {},
    "1/2": {"reduce": 2},
    "1/8": {"reduce": 8},
    "a region of 800x800": {"region": (1200, 1200, 800, 800)},
    "a region of 100x100": {"region": (1200, 1200, 100, 100)},
}
ONE_WAY = """
import json, statistics, sys, time
import lic
data, options = open(sys.argv[1], "rb").read(), json.loads(sys.argv[2])
lic.decode(data, region=(0, 0, 1, 1))  # loads the weights
walls, begin = [], time.process_time()
for _ in range(5):
    start = time.perf_counter()
    lic.decode(data, **options)
    walls.append(time.perf_counter() - start)
cpu = (time.process_time() - begin) / 5
# The peak of getrusage would be the parent's, if that was higher.
peak = next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if "VmHWM" in line)
print(json.dumps([statistics.median(walls), cpu, peak]))
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--size", default="4000x3000")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    with Image.open(arguments.picture) as image:
        data = lic.encode(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.lic"
        file.write_bytes(data)
        for name, options in WAYS.items():
            command = [sys.executable, "-c", ONE_WAY, str(file), json.dumps(options)]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            wall, cpu, peak = json.loads(printed)
            print(f"{name:22} {wall:7.3f} s  {cpu:7.3f} s of processor  {peak:5.0f} MiB")


if __name__ == "__main__":
    main()
