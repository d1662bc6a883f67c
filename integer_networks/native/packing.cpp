#include "packing.hpp"

#include <stdexcept>

namespace lic::networks {
namespace {

constexpr std::size_t kMostBits = 16;
constexpr std::size_t kTogether = 8;  // numbers that end with a byte

void require(bool condition, const char* message) {
    if (!condition) throw std::invalid_argument(message);
}

}  // namespace

void unpack(const PackedWeights& packed, std::size_t count, int16_t* weights) {
    const std::size_t bits = packed.bits;
    require(bits >= 1 && bits <= kMostBits && packed.outputs > 0 && packed.stride > 0,
            "packed weights have a wrong shape");
    require(packed.size % bits == 0 && packed.size / bits == (count + kTogether - 1) / kTogether,
            "packed weights do not fit their shape");
    for (std::size_t i = 0; i < packed.outputs; ++i) {
        require(packed.shifts[i] < kMostBits, "a weight has more than 16 bits");
    }
    const uint8_t* byte = packed.bytes;
    uint32_t held = 0;  // of which the lowest bits are the next number
    std::size_t holds = 0;
    std::size_t output = 0;
    std::size_t left = packed.stride;
    for (std::size_t i = 0; i < count; ++i) {
        for (; holds < bits; holds += 8) held |= uint32_t{*byte++} << holds;
        const int32_t number = static_cast<int32_t>(held << (32 - bits)) >> (32 - bits);
        held >>= bits;
        holds -= bits;
        const int32_t weight = number * (int32_t{1} << packed.shifts[output]);
        require(weight >= -32767 && weight <= 32767, "a weight has more than 16 bits");
        weights[i] = static_cast<int16_t>(weight);
        if (--left == 0) {
            left = packed.stride;
            if (++output == packed.outputs) output = 0;
        }
    }
}

}  // namespace lic::networks
