// The format's integer tables, as the Python module `tables` computed and verified them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lic {

constexpr int kProbabilityBits = 16;
constexpr uint32_t kTotal = 1u << kProbabilityBits;
constexpr int kWeightBits = 12;
constexpr int kPositionBits = 21;
constexpr int kNormalHalf = 592;
constexpr std::size_t kNormalSize = 2 * kNormalHalf + 1;
constexpr std::size_t kCostSize = 4097;

struct Tables {
    std::array<uint32_t, 256> exponential;
    std::array<int32_t, 256> inverse_scale;
    std::array<int32_t, 256> reach;
    // Value << 8 | difference to the next entry (at most 204): one load serves an interpolation.
    std::array<uint32_t, kNormalSize> normal;
    std::array<uint32_t, kCostSize> cost;
    // Not of the format: z / 4.4 with 12 fractional bits, for which Phi(z) is about (i + 1/2) / 512.
    // The decoder starts its search there.
    std::array<int32_t, 512> quantile;

    Tables(const int32_t* exponential_values, const int32_t* inverse_scale_values,
           const int32_t* reach_values, const int32_t* normal_values, const int32_t* cost_values) {
        for (std::size_t i = 0; i < 256; ++i) {
            exponential[i] = static_cast<uint32_t>(exponential_values[i]);
            inverse_scale[i] = inverse_scale_values[i];
            reach[i] = reach_values[i];
        }
        for (std::size_t i = 0; i < kNormalSize; ++i) {
            const int32_t next = normal_values[i + 1 < kNormalSize ? i + 1 : i];
            normal[i] = static_cast<uint32_t>(normal_values[i]) << 8 |
                        static_cast<uint32_t>(next - normal_values[i]);
        }
        for (std::size_t i = 0; i < kCostSize; ++i) cost[i] = static_cast<uint32_t>(cost_values[i]);
        int entry = 0;
        for (int i = 0; i < 512; ++i) {
            const int32_t target = i * 128 + 64;
            while (entry < kNormalHalf * 2 && normal_values[entry] < target) ++entry;
            // An entry is 1/128 of z, and 4096 / 128 / 4.4 = 80 / 11.
            quantile[static_cast<std::size_t>(i)] = (entry - kNormalHalf) * 80 / 11;
        }
    }
};

}  // namespace lic
