"""How many encodes a target of rate or PSNR takes, and how near the files come to it.

``python benchmarks/targets.py KODAK/kodim{01,07,13,19}.png``. A line for each picture and target,
then the mean and the most encodes.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from unittest.mock import patch

from lic import codec
from lic.codec import coding
from lic.codec.errors import TargetError
from lic.codec.picture import read_picture
from lic.codec.targets import Target
from lic.evaluation.metrics import psnr


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--bpp", type=float, nargs="*", default=[0.12, 0.3, 1, 2, 3])
    parser.add_argument("--psnr", type=float, nargs="*", default=[30, 34, 38, 42, 44])
    parser.add_argument("--effort", type=int)
    arguments = parser.parse_args()
    targets = [Target(bpp=bpp) for bpp in arguments.bpp] + [
        Target(psnr=db) for db in arguments.psnr
    ]
    counts = []
    for path in arguments.pictures:
        pixels = read_picture(path)
        for target in targets:
            with patch.object(coding, "encode_picture", wraps=coding.encode_picture) as encode:
                try:
                    data = codec.encode(pixels, target=target, effort=arguments.effort)
                except TargetError as error:
                    print(f"{path.name} {target}: {error}", flush=True)
                    continue
            counts.append(encode.call_count)
            shown = codec.decode(data)
            bpp = 8 * len(data) / shown[..., 0].size
            found = f"{bpp:.4f} bpp, {psnr(pixels, shown):.3f} dB"
            print(f"{path.name} {target}: {found}, {encode.call_count} encodes", flush=True)
    print(f"{statistics.fmean(counts):.1f} encodes, at most {max(counts)}")


if __name__ == "__main__":
    main()
