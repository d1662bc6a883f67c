import numpy as np
import numpy.typing as npt

_Pixels = npt.NDArray[np.uint8]

def encode(
    source: _Pixels,
    base: _Pixels | None,
    decoded: _Pixels,
    step: int,
    bound: int,
    lambda_: float,
    max_error: int,
) -> tuple[bytes, float]: ...
def decode(data: bytes, base: _Pixels | None, decoded: _Pixels) -> None: ...
