// The format's constants, and its integer tables as the Python module `tables` verified them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lic {

constexpr int kProbabilityBits = 18;
constexpr uint32_t kTotal = 1u << kProbabilityBits;
constexpr int kTableBits = 16;  // of factorized tables, whose counts the coder takes four times
constexpr int kTableShift = kProbabilityBits - kTableBits;
constexpr int kWeightBits = 13;

constexpr int kStateBits = 24;  // states lie in [2^24, 2^40)
constexpr uint64_t kLowestState = uint64_t{1} << kStateBits;
constexpr int kWordBits = 16;
constexpr int kStateBytes = 5;
constexpr int kMaximumLanesLog = 6;
constexpr int kMaximumLanes = 1 << kMaximumLanesLog;

constexpr int kMaximumComponents = 4;

struct Tables {
    // For every scale's index, side by side so that one load takes both: 2^31 / 4.3 scales, and 4.12
    // scales, in 1/64 of a symbol.
    int32_t scales[2 * 256];
    // Not of the format: reaches times 4096, of the quantiles of the slots that share 9 bits. The
    // decoder's search starts there.
    int32_t quantile[512];

    Tables(const int32_t* inverse_scale_values, const int32_t* reach_values,
           const int32_t* quantile_values) {
        for (std::size_t i = 0; i < 256; ++i) {
            scales[2 * i] = inverse_scale_values[i];
            scales[2 * i + 1] = reach_values[i];
        }
        for (std::size_t i = 0; i < 512; ++i) quantile[i] = quantile_values[i];
    }
};

// Parameters of n symbols, component after component: row k is at [k * n].
struct MixtureArrays {
    const int8_t* logits;
    const int16_t* means;
    const uint8_t* scales;
    std::size_t components;
    std::size_t count;
};

}  // namespace lic
