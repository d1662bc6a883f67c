// The rANS decoder, for bytes that nobody has checked: every read is within bounds, no state leaves
// [2^24, 2^40) whatever the bytes are, and each symbol takes a bounded time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "encoder.hpp"

namespace lic {

class CorruptStream : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Decoder {
public:
    Decoder(const Tables& tables, const uint8_t* data, std::size_t size);

    void get_mixture(const MixtureArrays& arrays, int32_t* symbols);
    void get_factorized(const int32_t* channels, std::size_t count, const FactorizedArrays& arrays,
                        int32_t* symbols);
    void finish(uint32_t check) const;

private:
    // Takes a symbol off a lane's state; find(slot, start, frequency) returns the symbol.
    template <class Find>
    int32_t step(std::size_t lane, Find&& find);
    template <class Model>
    int32_t complete(int32_t symbol, const Model& model);
    bool escape_bit();
    int64_t escape();

    const Tables& tables_;
    std::vector<uint8_t> data_;
    std::size_t front_;             // next word's first byte
    std::size_t back_;              // one past the last byte that words may take
    std::size_t escape_count_ = 0;  // escape bits read from the end
    std::size_t lane_mask_;
    std::array<uint64_t, kMaximumLanes> states_;
};

}  // namespace lic
