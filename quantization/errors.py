"""What can go wrong with quantization and with a search."""

from __future__ import annotations

from lic.codec.errors import LicError


class QuantizationError(LicError):
    """Bits, budgets or operations that make no network, or a search that cannot go on."""

    exit_code = 22
