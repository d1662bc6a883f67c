// What is thrown within the library; `api.cpp` makes a status and a message of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <span>
#include <stdexcept>
#include <string>

#include "lic.h"

namespace lic::deployment {

using Bytes = std::span<const uint8_t>;

class Failure : public std::runtime_error {
public:
    Failure(lic_status status, const std::string& message)
        : std::runtime_error(message), status(status) {}

    const lic_status status;
};

[[noreturn]] inline void corrupt(const std::string& what) {
    throw Failure(LIC_CORRUPT, "the file is corrupt: " + what);
}

[[noreturn]] inline void bad_weights(const std::string& what) {
    throw Failure(LIC_BAD_WEIGHTS, "the weights cannot be loaded: " + what);
}

// A product that memory may be taken for; numbers of 64 bits, on machines of 32, too.
template <class... Factors>
std::size_t checked_size(Factors... factors) {
    uint64_t product = 1;
    for (const uint64_t factor : {static_cast<uint64_t>(factors)...}) {
        const uint64_t most = std::numeric_limits<std::ptrdiff_t>::max() / sizeof(int64_t);
        if (factor != 0 && product > most / factor) throw std::bad_alloc();
        product *= factor;
    }
    return static_cast<std::size_t>(product);
}

}  // namespace lic::deployment
