// The kernels; the including file says for which instruction set, by its macro and its options.
#include "lanes.hpp"
#include "mixture.hpp"

#include <cstring>

namespace lic {
namespace {

// Two rows of 16-bit numbers as pairs.
inline Vec pairs(Vec first, Vec second) {
    return upper_halves(shift_left<16>(first), shift_left<16>(second));
}

// 2^15 exp(-d / 16) for pairs of d in 0..255: the 16th power of a polynomial of degree three.
inline Vec exponential(Vec d) {
    const Vec x = shift_left<7>(d);
    Vec e = sub16(Vec::all16(16149), scale16(x, Vec::all16(4420)));
    e = sub16(Vec::all16(32752), scale16(x, e));
    e = sub16(Vec::all16(32767), scale16(x, e));
    e = scale16(e, e);
    e = scale16(e, e);
    e = scale16(e, e);
    return scale16(e, e);
}

// 2^28 / x for x in 2^13 .. 2^15, by three steps of Newton's method; at most 2^15 - 1.
inline Vec reciprocal(Vec x) {
    Vec inverse = Vec::all(31750) - scale16(x, Vec::all(25250));
    for (int step = 0; step < 3; ++step) {
        const Vec rest = Vec::all(32768) - shift_left<2>(scale16(x, inverse));
        // The rest may be negative: only the lower half of the product counts.
        const Vec change = shift_right<16>(shift_left<16>(scale16(inverse, rest)));
        inverse = min(inverse + change, Vec::all(32767));
    }
    return inverse;
}

// Weights in 1/2^13 that sum to 2^13, of logits in 1/16 nat: the differences of the rounded
// cumulative shares of the exponentials, the last of which is 2^13 by definition.
template <int K>
inline void weights(const int8_t (*logits)[kBlock + kPadding], std::size_t at,
                    MixtureBlock& block) {
    const Vec one = Vec::all(1 << kWeightBits);
    if (K == 1) return one.store(block.weights[0] + at);
    Vec logit[4];
    for (int k = 0; k < 4; ++k) logit[k] = Vec::load8(logits[k < K ? k : 0] + at);
    Vec largest = max(logit[0], logit[1]);
    for (int k = 2; k < K; ++k) largest = max(largest, logit[k]);
    const Vec both = Vec::all16(1);

    // Sums of the quarters of the exponentials: at most 2^15 in all.
    const Vec left = quarter16(exponential(pairs(largest - logit[0], largest - logit[1])));
    const Vec first = shift_right<16>(shift_left<16>(left));
    const Vec second = dot16(left, both);
    Vec third = second;
    Vec total = second;
    if (K > 2) {
        const Vec right = quarter16(exponential(
            K == 4 ? pairs(largest - logit[2], largest - logit[3]) : largest - logit[2]));
        third = second + shift_right<16>(shift_left<16>(right));
        total = K == 4 ? second + dot16(right, both) : third;
    }
    const Vec inverse = reciprocal(total);
    const Vec end1 = min(scale16(first, inverse), one);
    const Vec end2 = K > 2 ? min(scale16(second, inverse), one) : one;
    pairs(end1, end2 - end1).store(block.weights[0] + at);
    if (K > 2) {
        const Vec end3 = K > 3 ? min(scale16(third, inverse), one) : one;
        pairs(end3 - end2, one - end3).store(block.weights[1] + at);
    }
}

template <int K>
void prepare_block(const Tables& tables, const MixtureArrays& arrays, std::size_t begin,
                   std::size_t count, MixtureBlock& block) {
    // Copies with room for vectors that begin at the last symbol.
    alignas(64) int8_t logits[K][kBlock + kPadding];
    alignas(64) int16_t means[K][kBlock + kPadding];
    alignas(64) int32_t scales[K][2 * (kBlock + kPadding)];
    for (int k = 0; k < K; ++k) {
        const std::size_t row = static_cast<std::size_t>(k) * arrays.count + begin;
        std::memcpy(logits[k], arrays.logits + row, count);
        std::memcpy(means[k], arrays.means + row, count * sizeof(int16_t));
        const uint8_t* indices = arrays.scales + row;
        for (std::size_t i = 0; i < count; ++i) {
            std::memcpy(scales[k] + 2 * i, tables.scales + 2 * indices[i], 2 * sizeof(int32_t));
        }
        for (std::size_t i = count; i < count + kPadding; ++i) {
            logits[k][i] = 0;
            means[k][i] = 0;
            std::memcpy(scales[k] + 2 * i, tables.scales, 2 * sizeof(int32_t));
        }
    }
    for (std::size_t i = 0; i < count + kPadding; i += Vec::kWidth) {
        Vec bottom = Vec::all(1 << 30);
        Vec top = Vec::all(-(1 << 30));
        for (int k = 0; k < K; ++k) {
            const Vec mean = Vec::load16(means[k] + i);
            Vec inverse;
            Vec reach;
            Vec::load_pairs(scales[k] + 2 * i, inverse, reach);
            mean.store(block.mean[k] + i);
            inverse.store(block.inverse[k] + i);
            reach.store(block.reach[k] + i);
            bottom = min(bottom, mean - reach);
            top = max(top, mean + reach);
        }
        const Vec low = shift_right<6>(bottom - Vec::all(32));
        const Vec high = shift_right<6>(top + Vec::all(32 + 63));
        low.store(block.low + i);
        high.store(block.high + i);
        (low - high + Vec::all(kSpare - 1)).store(block.tilt + i);
        weights<K>(logits, i, block);
    }
}

template <int K>
bool mixture_intervals(const MixtureBlock& block, const int32_t* symbols, std::size_t count,
                       Interval* intervals) {
    constexpr std::size_t kWidth = Vec::kWidth;
    bool escapes = false;
    for (std::size_t i = 0; i < count; i += kWidth) {
        const std::size_t some = count - i < kWidth ? count - i : kWidth;
        alignas(64) int32_t last[kWidth] = {};
        if (some < kWidth) std::memcpy(last, symbols + i, some * sizeof(int32_t));
        const Mixture<K> mixture(block, i);
        const Vec high = Vec::load(block.high + i);
        const Vec v = max(min(Vec::load(some < kWidth ? last : symbols + i), high), mixture.low);
        const Vec start = mixture.cumulative(v);
        const Vec frequency = mixture.cumulative(v + Vec::all(1)) - start;
        alignas(64) int32_t starts[kWidth];
        alignas(64) int32_t frequencies[kWidth];
        start.store(starts);
        frequency.store(frequencies);
        for (std::size_t lane = 0; lane < some; ++lane) {
            intervals[i + lane] = {static_cast<uint32_t>(starts[lane]),
                                   static_cast<uint32_t>(frequencies[lane])};
        }
        // Only an escape has v at low or at high. Padding may pretend to be one.
        escapes = escapes || any(greater(mixture.low + Vec::all(1), v)) ||
                  any(greater(v + Vec::all(1), high));
    }
    return escapes;
}

// Where C(v) <= slot < C(v + 1) is expected: first <= v < last, within the window.
template <int K>
inline void bracket(const Mixture<K>& mixture, Vec high, Vec quantile, Vec& first, Vec& last) {
    // A mixture's quantile lies between its components' smallest and largest quantiles. The table
    // is coarse and the floor of one count moves C a little, so this is only where the search
    // starts: it goes beyond where that is wrong.
    first = high;
    last = mixture.low;
    for (int k = 0; k < K; ++k) {
        const Vec offset = shift_right<12>(quantile * mixture.reach[k]);
        const Vec symbol = shift_right<6>(mixture.mean[k] + offset + Vec::all(32));
        first = min(first, symbol);
        last = max(last, symbol);
    }
    first = max(first, mixture.low);
    last = min(last, high) + Vec::all(1);
}

// Finds v with C(v) <= slot < C(v + 1) for each lane.
template <int K>
inline Vec find(const MixtureBlock& block, std::size_t at, Vec slot, Vec quantile, Vec& start,
                Vec& frequency) {
    const Mixture<K> mixture(block, at);
    const Vec one = Vec::all(1);
    const Vec high = Vec::load(block.high + at);
    Vec first;
    Vec last;
    bracket(mixture, high, quantile, first, last);

    Vec below = mixture.cumulative(first);
    Vec above = mixture.cumulative(last);
    Mask wrong = greater(below, slot);
    for (Vec step = one; any(wrong); step = step + step) {
        last = select(wrong, first, last);
        above = select(wrong, below, above);
        first = select(wrong, max(first - step, mixture.low), first);
        below = mixture.cumulative(first);
        wrong = greater(below, slot);
    }
    wrong = greater(slot + one, above);
    for (Vec step = one; any(wrong); step = step + step) {
        first = select(wrong, last, first);
        below = select(wrong, above, below);
        last = select(wrong, min(last + step, high + one), last);
        above = mixture.cumulative(last);
        wrong = greater(slot + one, above);
    }
    while (any(greater(last - first, one))) {
        // Where the search has ended, the middle is `first` and nothing changes.
        const Vec middle = shift_right<1>(first + last);
        const Vec count = mixture.cumulative(middle);
        const Mask left = greater(count, slot);
        last = select(left, middle, last);
        above = select(left, count, above);
        first = select(left, first, middle);
        below = select(left, below, count);
    }
    start = below;
    frequency = above - below;
    return first;
}

// How a vector is divided among fewer lanes than it has elements: element i belongs to lane
// i mod `lanes`, and looks at another v than the lane's other elements.
struct Division {
    std::size_t lanes;
    Vec order;   // 0, 1, 2, ...
    Vec lane;    // whose element it is
    Vec spread;  // r / (n - 1) for the r-th of a lane's n elements, in 1/2^16
    Vec inside;  // (r + 1) / (n + 1)

    explicit Division(std::size_t lanes) : lanes(lanes) {
        constexpr int32_t kWidth = Vec::kWidth;
        const auto number = static_cast<int32_t>(lanes < kWidth ? lanes : kWidth);
        const int32_t several = kWidth / number;
        int32_t columns[4][kWidth];
        for (int32_t i = 0; i < kWidth; ++i) {
            columns[0][i] = i;
            columns[1][i] = i & (number - 1);
            columns[2][i] = several > 1 ? i / number * (65536 / (several - 1) + 1) : 0;
            // The last one is half of 2^16 or more: it finds a symbol between two that differ by 2.
            columns[3][i] = (i / number + 1) * (65536 / (several + 1));
        }
        order = Vec::load(columns[0]);
        lane = Vec::load(columns[1]);
        spread = Vec::load(columns[2]);
        inside = Vec::load(columns[3]);
    }
};

// The same for few lanes: a step divides the interval by the number of a lane's elements and one.
template <int K>
inline Vec find_few(const MixtureBlock& block, std::size_t at, const Division& division, Vec slot,
                    Vec quantile, Vec& start, Vec& frequency) {
    const Vec lane = division.lane;
    const Mixture<K> mixture = Mixture<K>(block, at).permuted(lane);
    const Vec high = permute(Vec::load(block.high + at), lane);
    slot = permute(slot, lane);
    Vec first;
    Vec last;
    bracket(mixture, high, permute(quantile, lane), first, last);
    // The bracket's ends are looked at first, with points between them; the window's are known.
    Vec v = first + shift_right<16>((last - first) * division.spread);
    v = min(v, last);
    first = mixture.low;
    last = high + Vec::all(1);
    Vec below = Vec::all(0);
    Vec above = Vec::all(kTotal);
    for (;;) {
        const Vec count = mixture.cumulative(v);
        const Mask left = greater(count, slot);
        last = select(left, v, last);
        above = select(left, count, above);
        first = select(left, first, v);
        below = select(left, below, count);
        // C rises with v: the extremes of the elements of a lane belong together.
        for (std::size_t distance = Vec::kWidth / 2; distance >= division.lanes; distance /= 2) {
            const Vec other = division.order ^ Vec::all(static_cast<int32_t>(distance));
            first = max(first, permute(first, other));
            below = max(below, permute(below, other));
            last = min(last, permute(last, other));
            above = min(above, permute(above, other));
        }
        if (!any(greater(last - first, Vec::all(1)))) break;
        v = first + shift_right<16>((last - first) * division.inside);
    }
    start = below;
    frequency = above - below;
    return first;
}

template <int K>
bool decode_block(const Tables& tables, const MixtureBlock& block, std::size_t count,
                  std::size_t lanes, uint64_t* states, const uint8_t** front, const uint8_t* end,
                  int32_t* symbols, bool* escapes) {
    constexpr std::size_t kWidth = Vec::kWidth;
    const bool few = kWidth >= 8 && lanes * 4 <= kWidth;
    const Division division(lanes);
    bool ends = false;
    for (std::size_t i = 0; i < count;) {
        const std::size_t lane = i & (lanes - 1);
        std::size_t some = lanes - lane;
        some = some < kWidth ? some : kWidth;
        some = some < count - i ? some : count - i;

        Vec slot;
        Vec quantile;
        if (some == kWidth) {
            slot = slots(states + lane);
            quantile = look_up(tables.quantile, shift_right<kProbabilityBits - 9>(slot));
        } else {
            // Lanes that do not exist search for their median: it is found soon, and no escape.
            alignas(64) int32_t low[kWidth];
            alignas(64) int32_t hints[kWidth];
            for (std::size_t j = 0; j < kWidth; ++j) {
                low[j] = static_cast<int32_t>((j < some ? states[lane + j] : kTotal / 2) &
                                              (kTotal - 1));
                hints[j] = tables.quantile[low[j] >> (kProbabilityBits - 9)];
            }
            slot = Vec::load(low);
            quantile = Vec::load(hints);
        }
        Vec start;
        Vec frequency;
        const Vec v = few ? find_few<K>(block, i, division, slot, quantile, start, frequency)
                          : find<K>(block, i, slot, quantile, start, frequency);
        ends = ends || any(greater(Vec::load(block.low + i) + Vec::all(1), v)) ||
               any(greater(v + Vec::all(1), Vec::load(block.high + i)));

        const bool rare = any(greater(Vec::all(4), frequency));
        if (some == kWidth) {
            v.store(symbols + i);
        } else {
            alignas(64) int32_t found[kWidth];
            v.store(found);
            std::memcpy(symbols + i, found, some * sizeof(int32_t));
        }
        if (!advance(slot - start, frequency, some, rare, states + lane, front, end)) return false;
        i += some;
    }
    *escapes = ends;
    return true;
}

uint16_t* encode_intervals(const Interval* intervals, std::size_t count, std::size_t lanes,
                           double* states, uint16_t* words) {
    std::size_t end = count;
    while (end > 0) {
        const std::size_t lane = (end - 1) & (lanes - 1);
        if (lane % 16 == 15 && !any_rare(intervals + (end - 16))) {
            end -= 16;
            words = push_16(intervals + end, states + (lane - 15), words);
        } else {
            end -= 1;
            words = push(intervals[end], states + lane, words);
        }
    }
    return words;
}

void check_symbols(const int32_t* symbols, std::size_t count, uint32_t* columns) {
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        for (std::size_t j = 0; j < 16; ++j) {
            columns[j] = columns[j] * 0x9E3779B1u + static_cast<uint32_t>(symbols[i + j]);
        }
    }
    for (std::size_t j = 0; i < count; ++i, ++j) {
        columns[j] = columns[j] * 0x9E3779B1u + static_cast<uint32_t>(symbols[i]);
    }
}

void prepare(const Tables& tables, const MixtureArrays& arrays, std::size_t begin,
             std::size_t count, MixtureBlock& block) {
    switch (arrays.components) {
        case 1: return prepare_block<1>(tables, arrays, begin, count, block);
        case 2: return prepare_block<2>(tables, arrays, begin, count, block);
        case 3: return prepare_block<3>(tables, arrays, begin, count, block);
        default: return prepare_block<4>(tables, arrays, begin, count, block);
    }
}

bool intervals(const MixtureBlock& block, int components, const int32_t* symbols,
               std::size_t count, Interval* out) {
    switch (components) {
        case 1: return mixture_intervals<1>(block, symbols, count, out);
        case 2: return mixture_intervals<2>(block, symbols, count, out);
        case 3: return mixture_intervals<3>(block, symbols, count, out);
        default: return mixture_intervals<4>(block, symbols, count, out);
    }
}

bool decode(const Tables& tables, const MixtureBlock& block, int components, std::size_t count,
            std::size_t lanes, uint64_t* states, const uint8_t** front, const uint8_t* end,
            int32_t* symbols, bool* escapes) {
    const auto run = [&](auto decode_components) {
        return decode_components(tables, block, count, lanes, states, front, end, symbols, escapes);
    };
    switch (components) {
        case 1: return run(decode_block<1>);
        case 2: return run(decode_block<2>);
        case 3: return run(decode_block<3>);
        default: return run(decode_block<4>);
    }
}

}  // namespace

extern const Kernels LIC_KERNELS;
const Kernels LIC_KERNELS{LIC_ISA_NAME,     prepare,       intervals, decode,
                          encode_intervals, check_symbols};

}  // namespace lic
