// Probability tables, one per channel: cumulative counts computed once, for a fixed distribution.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels.hpp"

namespace lic {

// Row c of `counts` holds lengths[c] + 1 strictly increasing counts from 0 to 65536, for the symbols
// from lows[c] on; Python has checked them, and that every channel index is below the row count.
struct FactorizedArrays {
    const uint32_t* counts;
    const int32_t* lows;
    const int32_t* lengths;
    std::size_t stride;
};

class TableRow {
public:
    TableRow(const FactorizedArrays& arrays, int32_t channel)
        : counts_(arrays.counts + static_cast<std::size_t>(channel) * arrays.stride),
          low_(arrays.lows[channel]),
          length_(arrays.lengths[channel]) {}

    int32_t low() const { return low_; }
    int32_t high() const { return low_ + (length_ - 1); }

    void interval(int32_t v, Interval& interval) const {
        set(static_cast<std::size_t>(int64_t{v} - low_), interval);
    }

    int32_t find(uint32_t slot, Interval& interval) const {
        slot >>= kTableShift;
        int32_t first = 0;
        int32_t last = length_;
        while (last - first > 1) {
            const int32_t middle = first + (last - first) / 2;
            (counts_[middle] <= slot ? first : last) = middle;
        }
        set(static_cast<std::size_t>(first), interval);
        return low_ + first;
    }

private:
    // Counts are in 1/2^16, intervals in 1/2^18.
    void set(std::size_t at, Interval& interval) const {
        interval.start = counts_[at] << kTableShift;
        interval.frequency = (counts_[at + 1] - counts_[at]) << kTableShift;
    }

    const uint32_t* counts_;
    int32_t low_;
    int32_t length_;
};

}  // namespace lic
