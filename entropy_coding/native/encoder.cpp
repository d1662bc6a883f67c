#include "encoder.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <memory>

namespace lic {
namespace {

// Bits from the first to the last, each byte from its most significant bit on.
class BitWriter {
public:
    // Exp-Golomb code of order 0: as many zeros as excess + 1 has bits after its first, then its
    // bits.
    void put(uint64_t excess) {
        const uint64_t value = excess + 1;
        const int width = std::bit_width(value);
        for (int bit = 2 * width - 2; bit >= 0; --bit) {
            if (count_ % 8 == 0) bytes_.push_back(0);
            const bool set = bit < width && (value >> bit & 1);
            bytes_.back() |= static_cast<uint8_t>(set << (7 - count_ % 8));
            ++count_;
        }
    }

    const std::vector<uint8_t>& bytes() const { return bytes_; }

private:
    std::vector<uint8_t> bytes_;
    std::size_t count_ = 0;
};

}  // namespace

void mixture_counts(const Tables& tables, const Kernels& kernels, const int32_t* symbols,
                    const MixtureArrays& arrays, int32_t* counts) {
    const int components = static_cast<int>(arrays.components);
    MixtureBlock block;
    std::array<Interval, kBlock> intervals;
    for (std::size_t begin = 0; begin < arrays.count; begin += kBlock) {
        const std::size_t count = std::min(kBlock, arrays.count - begin);
        kernels.prepare(tables, arrays, begin, count, block);
        kernels.intervals(block, components, symbols + begin, count, intervals.data());
        for (std::size_t i = 0; i < count; ++i) {
            counts[begin + i] = static_cast<int32_t>(intervals[i].frequency);
        }
    }
}

Interval* Encoder::extend(std::size_t count) {
    const std::size_t before = intervals_.size();
    call_sizes_.push_back(count);
    intervals_.resize(before + count);
    return intervals_.data() + before;
}

// The logarithm of a whole number is read off its representation as a float, which is exact here:
// exponent and, as if it were linear in between, mantissa.
void Encoder::count_cost(const Interval* intervals, std::size_t count) {
    constexpr uint32_t kOne = (127u + kProbabilityBits) << 23;
    uint64_t cost = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto frequency = static_cast<float>(static_cast<int32_t>(intervals[i].frequency));
        cost += (kOne - std::bit_cast<uint32_t>(frequency)) >> 7;
    }
    cost_ += cost;
}

void Encoder::put_escape(std::size_t position, int32_t symbol, int32_t low, int32_t high) {
    if (symbol > low && symbol < high) return;
    const int64_t excess = symbol <= low ? int64_t{low} - symbol : int64_t{symbol} - high;
    escapes_.push_back({position, static_cast<uint64_t>(excess)});
    const auto bits = static_cast<std::size_t>(
        2 * std::bit_width(static_cast<uint64_t>(excess) + 1) - 1);
    escape_bits_ += bits;
    cost_ += uint64_t{bits} << 16;
}

void Encoder::put_mixture(const int32_t* symbols, const MixtureArrays& arrays) {
    const std::size_t before = intervals_.size();
    Interval* out = extend(arrays.count);
    const int components = static_cast<int>(arrays.components);
    MixtureBlock block;
    for (std::size_t begin = 0; begin < arrays.count; begin += kBlock) {
        const std::size_t count = std::min(kBlock, arrays.count - begin);
        kernels_.prepare(tables_, arrays, begin, count, block);
        if (kernels_.intervals(block, components, symbols + begin, count, out + begin)) {
            for (std::size_t i = 0; i < count; ++i) {
                put_escape(before + begin + i, symbols[begin + i], block.low[i], block.high[i]);
            }
        }
        count_cost(out + begin, count);
    }
}

void Encoder::put_factorized(const int32_t* symbols, const int32_t* channels, std::size_t count,
                             const FactorizedArrays& arrays) {
    const std::size_t before = intervals_.size();
    Interval* out = extend(count);
    for (std::size_t i = 0; i < count; ++i) {
        const TableRow row(arrays, channels[i]);
        row.interval(std::clamp(symbols[i], row.low(), row.high()), out[i]);
        put_escape(before + i, symbols[i], row.low(), row.high());
    }
    count_cost(out, count);
}

double Encoder::ideal_bits() const {
    double bits = static_cast<double>(escape_bits_);
    for (const Interval& interval : intervals_) {
        bits += kProbabilityBits - std::log2(static_cast<double>(interval.frequency));
    }
    return bits;
}

std::vector<uint8_t> Encoder::encode_chunk(int lanes_log, std::size_t chunk, int chunks_log,
                                           uint32_t check) const {
    const std::size_t lanes = std::size_t{1} << lanes_log;
    std::array<double, kMaximumLanes> states;
    states.fill(static_cast<double>(kLowestState + check));

    std::size_t symbols = 0;
    for (const std::size_t size : call_sizes_) {
        symbols += share(size, chunk + 1, chunks_log) - share(size, chunk, chunks_log);
    }
    // Written from the end, so that the words come out in reading order: at most two a symbol, and
    // room for the one that is written below them but not kept.
    const auto words = std::make_unique_for_overwrite<uint16_t[]>(2 * symbols + 1);
    uint16_t* const last = words.get() + 2 * symbols + 1;
    uint16_t* first = last;
    BitWriter escapes;
    std::size_t end = intervals_.size();
    for (auto call = call_sizes_.rbegin(); call != call_sizes_.rend(); ++call) {
        end -= *call;
        const std::size_t from = end + share(*call, chunk, chunks_log);
        const std::size_t to = end + share(*call, chunk + 1, chunks_log);
        first = kernels_.encode(intervals_.data() + from, to - from, lanes, states.data(), first);
    }
    auto escape = escapes_.begin();
    for (const std::size_t size : call_sizes_) {
        const auto before = [&](std::size_t position) {
            return std::lower_bound(
                escape, escapes_.end(), position,
                [](const Escape& one, std::size_t limit) { return one.position < limit; });
        };
        const auto stop = before(end + share(size, chunk + 1, chunks_log));
        escape = before(end + share(size, chunk, chunks_log));
        for (; escape != stop; ++escape) escapes.put(escape->excess);
        end += size;
    }

    const std::size_t word_count = static_cast<std::size_t>(last - first);
    std::vector<uint8_t> stream(lanes * kStateBytes + 2 * word_count);
    uint8_t* out = stream.data();
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        const auto x = static_cast<uint64_t>(states[lane]);
        for (int byte = 0; byte < kStateBytes; ++byte) *out++ = static_cast<uint8_t>(x >> 8 * byte);
    }
    for (std::size_t i = 0; i < word_count; ++i) {
        *out++ = static_cast<uint8_t>(first[i]);
        *out++ = static_cast<uint8_t>(first[i] >> 8);
    }
    stream.insert(stream.end(), escapes.bytes().rbegin(), escapes.bytes().rend());
    return stream;
}

std::vector<uint8_t> Encoder::finish(int lanes_log, int chunks_log, uint32_t check) const {
    const std::size_t chunks = std::size_t{1} << chunks_log;
    std::vector<std::vector<uint8_t>> parts;
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
        parts.push_back(encode_chunk(lanes_log, chunk, chunks_log, check));
    }
    std::vector<uint8_t> stream{static_cast<uint8_t>(lanes_log | chunks_log << 4)};
    for (std::size_t chunk = 0; chunk + 1 < chunks; ++chunk) {
        for (int byte = 0; byte < 4; ++byte) {
            stream.push_back(static_cast<uint8_t>(parts[chunk].size() >> 8 * byte));
        }
    }
    std::size_t size = stream.size();
    for (const auto& part : parts) size += part.size();
    stream.reserve(size);
    for (const auto& part : parts) stream.insert(stream.end(), part.begin(), part.end());
    return stream;
}

}  // namespace lic
