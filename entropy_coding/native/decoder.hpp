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

// One chunk of a stream: lanes, words and escapes of its own.
class ChunkDecoder {
public:
    ChunkDecoder(const uint8_t* data, std::size_t size, int lanes_log);

    void get_mixture(const Tables& tables, const Kernels& kernels, const MixtureArrays& arrays,
                     std::size_t begin, std::size_t end, int32_t* symbols);
    void get_factorized(const int32_t* channels, std::size_t count, const FactorizedArrays& arrays,
                        int32_t* symbols);
    void finish(uint32_t check) const;

private:
    // Adds an escape's excess to a symbol at an end of its window.
    int32_t complete(int32_t symbol, int32_t low);
    bool escape_bit();
    uint64_t escape();

    const uint8_t* data_;
    std::size_t size_;
    std::size_t front_;             // next word's first byte
    std::size_t back_;              // one past the last byte that words may take
    std::size_t escape_count_ = 0;  // escape bits read from the end
    std::size_t lanes_;
    std::array<uint64_t, kMaximumLanes> states_;
};

class Decoder {
public:
    Decoder(const Tables& tables, const Kernels& kernels, const uint8_t* data, std::size_t size,
            std::size_t threads);

    void get_mixture(const MixtureArrays& arrays, int32_t* symbols);
    void get_factorized(const int32_t* channels, std::size_t count, const FactorizedArrays& arrays,
                        int32_t* symbols);
    void finish(uint32_t check) const;

private:
    const Tables& tables_;
    const Kernels& kernels_;
    std::vector<uint8_t> data_;
    int chunks_log_ = 0;
    std::size_t threads_;
    std::vector<ChunkDecoder> chunks_;
};

}  // namespace lic
