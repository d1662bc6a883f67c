// Decompression of zlib streams (RFC 1950 and 1951) from files that nobody vouches for. It is here,
// and not zlib, so that the library needs nothing but a compiler.
#pragma once

#include <vector>

#include "failure.hpp"

namespace lic::deployment {

// The contents of one whole zlib stream, of at most `limit` bytes; throws Failure.
std::vector<uint8_t> inflate(Bytes stream, std::size_t limit);

}  // namespace lic::deployment
