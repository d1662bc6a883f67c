// The fixed-point arithmetic around the networks; integer_networks/FORMAT.md, "Arithmetic".
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lic::deployment {

constexpr int64_t kQualitySteps = 10000;
constexpr int64_t kLargest = 32767;              // of activations
constexpr int64_t kLogarithmLimit = 31 << 16;    // exclusive
constexpr int64_t kMultiplierLimit = 0x7FFFFFFF;

// Numbers by quality level and channel.
struct Table {
    std::size_t channels = 0;
    std::vector<int32_t> values;

    std::size_t levels() const { return values.size() / channels; }

    // The row at a quality, 0 to kQualitySteps, interpolated between the levels.
    std::vector<int32_t> at(int64_t quality) const {
        const auto last = static_cast<int64_t>(levels()) - 1;
        const int64_t position = quality * last;
        const int64_t level = std::min(position / kQualitySteps, std::max<int64_t>(last - 1, 0));
        const int64_t upper = position - level * kQualitySteps;
        const int32_t* low = values.data() + level * channels;
        const int32_t* high = values.data() + std::min(level + 1, last) * channels;
        std::vector<int32_t> row(channels);
        for (std::size_t i = 0; i < channels; ++i) {
            const int64_t mixed =
                low[i] * (kQualitySteps - upper) + high[i] * upper + kQualitySteps / 2;
            // Rounds down, below zero, too.
            const int64_t rest = (mixed % kQualitySteps + kQualitySteps) % kQualitySteps;
            row[i] = static_cast<int32_t>((mixed - rest) / kQualitySteps);
        }
        return row;
    }
};

// 2^x of x in 1/2^16, 0 <= x < kLogarithmLimit, at most 2^31 - 1.
inline int32_t exp2(int64_t logarithm) {
    const int64_t whole = logarithm >> 16, fraction = logarithm & 0xFFFF;
    int64_t power = 234782;
    for (const int64_t c : {1330509, 10398316, 59571873, 257945486, 744260852, 1073741824}) {
        power = c + ((power * fraction) >> 16);
    }
    const int64_t rounded = (2 * power + (int64_t{1} << (30 - whole))) >> (31 - whole);
    return static_cast<int32_t>(std::min(rounded, kMultiplierLimit));
}

inline int16_t saturate(int64_t value) {
    return static_cast<int16_t>(std::clamp(value, -kLargest, kLargest));
}

}  // namespace lic::deployment
