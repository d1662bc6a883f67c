// Weights of few bits, as files hold them: see "Packed weights" in integer_networks/FORMAT.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lic::networks {

// Numbers of `bits` bits, 1 to 16, that follow each other, the lowest bit of the first byte first.
struct PackedWeights {
    const uint8_t* bytes;
    std::size_t size;  // of the bytes
    std::size_t bits;
    const uint8_t* shifts;  // by outputs: each number times 2^shift is a weight
    std::size_t outputs;
    std::size_t stride;  // numbers from one output to the next; the outputs come round again
};

// Unpacks `count` weights; throws std::invalid_argument if there are not as many, or if one exceeds
// 16 bits.
void unpack(const PackedWeights& packed, std::size_t count, int16_t* weights);

}  // namespace lic::networks
