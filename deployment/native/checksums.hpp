// The three checksums of the formats: CRC-32 and Adler-32 as zlib has them, and SHA-256.
#pragma once

#include <array>
#include <cstdint>

#include "failure.hpp"

namespace lic::deployment {

uint32_t crc32(Bytes data);
uint32_t adler32(Bytes data);
std::array<uint8_t, 32> sha256(Bytes data);

}  // namespace lic::deployment
