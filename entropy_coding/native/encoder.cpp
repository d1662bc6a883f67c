#include "encoder.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace lic {

Encoder::Interval* Encoder::extend(std::size_t count) {
    const std::size_t before = intervals_.size();
    call_sizes_.push_back(count);
    intervals_.resize(before + count);
    return intervals_.data() + before;
}

// Exp-Golomb code of order 0: as many zeros as excess + 1 has bits after its first, then its bits.
void Encoder::put_escape(uint64_t excess) {
    const uint64_t value = excess + 1;
    const int width = std::bit_width(value);
    for (int bit = 2 * width - 2; bit >= 0; --bit) {
        if (escape_count_ % 8 == 0) escape_bytes_.push_back(0);
        const bool set = bit < width && (value >> bit & 1);
        escape_bytes_.back() |= static_cast<uint8_t>(set << (7 - escape_count_ % 8));
        ++escape_count_;
    }
}

void Encoder::put_mixture(const int32_t* symbols, const MixtureArrays& arrays) {
    Interval* out = extend(arrays.count);
    with_components(arrays.components, [&](auto components) {
        for (std::size_t i = 0; i < arrays.count; ++i) {
            const Mixture<components.value> mixture(tables_, arrays, i);
            const int32_t v = std::clamp(symbols[i], mixture.low(), mixture.high());
            const uint32_t start = mixture.cumulative(v);
            out[i] = record(start, mixture.cumulative(v + 1) - start);
            if (v == mixture.low()) {
                put_escape(static_cast<uint64_t>(int64_t{v} - symbols[i]));
            } else if (v == mixture.high()) {
                put_escape(static_cast<uint64_t>(int64_t{symbols[i]} - v));
            }
        }
    });
}

void Encoder::put_factorized(const int32_t* symbols, const int32_t* channels, std::size_t count,
                             const FactorizedArrays& arrays) {
    Interval* out = extend(count);
    for (std::size_t i = 0; i < count; ++i) {
        const TableRow row(arrays, channels[i]);
        const int32_t v = std::clamp(symbols[i], row.low(), row.high());
        uint32_t start;
        uint32_t frequency;
        row.interval(v, start, frequency);
        out[i] = record(start, frequency);
        if (v == row.low()) {
            put_escape(static_cast<uint64_t>(int64_t{v} - symbols[i]));
        } else if (v == row.high()) {
            put_escape(static_cast<uint64_t>(int64_t{symbols[i]} - v));
        }
    }
}

double Encoder::ideal_bits() const {
    double bits = static_cast<double>(escape_count_);
    for (const Interval& interval : intervals_) {
        bits += kProbabilityBits - std::log2(static_cast<double>(interval.frequency));
    }
    return bits;
}

std::vector<uint8_t> Encoder::finish(int lanes_log, uint32_t check) const {
    const std::size_t mask = (std::size_t{1} << lanes_log) - 1;
    std::array<uint64_t, kMaximumLanes> states;
    states.fill(kLowestState + check);

    // Written from the end: at most one word a symbol, and the bytes come out in reading order.
    const std::size_t header = 1 + (mask + 1) * kStateBytes;
    std::vector<uint16_t> words;
    words.reserve(static_cast<std::size_t>(cost_ >> 20) + 64);
    std::size_t end = intervals_.size();
    for (auto call = call_sizes_.rbegin(); call != call_sizes_.rend(); ++call) {
        const Interval* intervals = intervals_.data() + (end - *call);
        for (std::size_t i = *call; i-- > 0;) {
            const uint64_t frequency = intervals[i].frequency;
            uint64_t x = states[i & mask];
            if (x >= frequency << kStateBits) {
                words.push_back(static_cast<uint16_t>(x));
                x >>= kWordBits;
            }
            states[i & mask] = ((x / frequency) << kProbabilityBits) + x % frequency +
                               intervals[i].start;
        }
        end -= *call;
    }

    std::vector<uint8_t> stream;
    stream.reserve(header + 2 * words.size() + escape_bytes_.size());
    stream.push_back(static_cast<uint8_t>(lanes_log));
    for (std::size_t lane = 0; lane <= mask; ++lane) {
        for (int byte = 0; byte < kStateBytes; ++byte) {
            stream.push_back(static_cast<uint8_t>(states[lane] >> (8 * byte)));
        }
    }
    for (auto word = words.rbegin(); word != words.rend(); ++word) {
        stream.push_back(static_cast<uint8_t>(*word));
        stream.push_back(static_cast<uint8_t>(*word >> 8));
    }
    stream.insert(stream.end(), escape_bytes_.rbegin(), escape_bytes_.rend());
    return stream;
}

}  // namespace lic
