// The rANS encoder. Three things that surprise:
//   1. rANS encodes backwards, so put_* only record intervals; finish() codes them, last one first.
//   2. The initial states are not constant: their low 24 bits carry the check value, which the
//      decoder finds in its final states.
//   3. Symbol i of each call belongs to lane i mod N, and every call starts at lane 0; all lanes
//      share one sequence of words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "factorized.hpp"
#include "mixture.hpp"
#include "tables.hpp"

namespace lic {

constexpr int kStateBits = 24;  // states lie in [2^24, 2^40)
constexpr uint64_t kLowestState = uint64_t{1} << kStateBits;
constexpr int kWordBits = 16;
constexpr int kStateBytes = 5;
constexpr int kMaximumLanes = 64;
constexpr int kMaximumLanesLog = 6;

class Encoder {
public:
    explicit Encoder(const Tables& tables) : tables_(tables) {}

    void put_mixture(const int32_t* symbols, const MixtureArrays& arrays);
    void put_factorized(const int32_t* symbols, const int32_t* channels, std::size_t count,
                        const FactorizedArrays& arrays);

    // An estimate from below of the bits recorded so far, times 2^16; the same on every machine.
    uint64_t cost() const { return cost_ + (static_cast<uint64_t>(escape_count_) << 16); }

    // The ideal code length of what was recorded so far, escape bits included.
    double ideal_bits() const;

    std::vector<uint8_t> finish(int lanes_log, uint32_t check) const;

private:
    struct Interval {
        uint16_t start;
        uint16_t frequency;  // every window has two symbols or more, so none has all 65536 counts
    };

    Interval record(uint32_t start, uint32_t frequency) {
        cost_ += tables_.cost[(frequency + 15) >> 4];
        return {static_cast<uint16_t>(start), static_cast<uint16_t>(frequency)};
    }
    void put_escape(uint64_t excess);
    Interval* extend(std::size_t count);

    const Tables& tables_;
    std::vector<Interval> intervals_;
    std::vector<std::size_t> call_sizes_;
    std::vector<uint8_t> escape_bytes_;  // first bit at the first byte's most significant bit
    std::size_t escape_count_ = 0;
    uint64_t cost_ = 0;
};

}  // namespace lic
