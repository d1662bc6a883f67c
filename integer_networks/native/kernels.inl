// The kernels; the including file says for which instruction set, by its macro and its options.
#include <cstring>
#include <utility>

#include "../../entropy_coding/native/simd.hpp"
#include "kernels.hpp"

namespace lic::networks {
namespace {

constexpr std::size_t kWidth = Vec::kWidth;
constexpr std::size_t kTile = 2 * kWidth;

// Pixels of a convolution whose accumulators fit in the registers.
#if defined(LIC_ISA_AVX512)
constexpr std::size_t kPixels = 12;
#else
constexpr std::size_t kPixels = 6;
#endif
constexpr std::size_t kDepthwisePixels = 4;

std::size_t channel(std::size_t place, bool wide) {
    if (wide) return place;
    // What `pack16` makes of two vectors has groups of both in turn.
    const std::size_t vector = place / kWidth;
    const std::size_t at = place % kWidth;
    return at / kGroup * 2 * kGroup + vector * kGroup + at % kGroup;
}

struct Tile {
    Vec first;
    Vec second;

    static Tile load(const int32_t* p) { return {Vec::load(p), Vec::load(p + kWidth)}; }

    // Two numbers of each channel times its weights.
    void add(Vec x, Vec y, const Tile& weights) {
        first = add_dot16(first, unpack_low16(x, y), weights.first);
        second = add_dot16(second, unpack_high16(x, y), weights.second);
    }
};

// The first numbers of a vector, or all of them.
inline Vec load_part(const int16_t* p, std::size_t count) {
    if (count >= kTile) return Vec::load_halves(p);
    int16_t part[kTile] = {};
    std::memcpy(part, p, count * sizeof(int16_t));
    return Vec::load_halves(part);
}

inline void store_part(Vec x, int16_t* p, std::size_t count) {
    if (count >= kTile) return x.store_halves(p);
    int16_t part[kTile];
    x.store_halves(part);
    std::memcpy(p, part, count * sizeof(int16_t));
}

inline void store(const Tile& x, int16_t* p, std::size_t count) {
    store_part(pack16(x.first, x.second), p, count);
}

inline void store(const Tile& x, int32_t* p, std::size_t count) {
    int32_t part[kTile];
    int32_t* to = count >= kTile ? p : part;
    x.first.store(to);
    x.second.store(to + kWidth);
    if (count < kTile) std::memcpy(p, part, count * sizeof(int32_t));
}

inline Vec clamp(Vec x, Vec low, Vec high) { return min(max(x, low), high); }

// The channels of one tile.
struct Finish {
    Tile multipliers, lows, highs, offsets;

    Finish(const Rescaling& all, std::size_t at)
        : multipliers(Tile::load(all.multipliers + at)),
          lows(Tile::load(all.lows + at)),
          highs(Tile::load(all.highs + at)),
          offsets(Tile::load(all.offsets + at)) {}

    Tile operator()(const Tile& sum) const {
        return {clamp(multiply_shift<31>(sum.first, multipliers.first), lows.first, highs.first) +
                    offsets.first,
                clamp(multiply_shift<31>(sum.second, multipliers.second), lows.second,
                      highs.second) +
                    offsets.second};
    }
};

// How numbers are multiplied: 16-bit ones in pairs, or bytes in fours.
struct Pairs {
    using Number = int16_t;
    static constexpr std::size_t kCount = 2;
    static Vec load(const Number* p) { return all_pair(p); }
    static Vec add(Vec sum, Vec x, Vec weights) { return add_dot16(sum, x, weights); }
};

// What a convolution's sums begin with, and what is done to them.
template <class Then>
struct Ends {
    Tile start;
    Then finish;
};

// One tile of the pixels `from[P]`. The indices are constants from the beginning, without which
// compilers keep the sums in memory.
template <class Dot, class Then, class Result, std::size_t... P>
inline void convolve_tile(std::index_sequence<P...>, const typename Dot::Number* const* from,
                          std::size_t inputs, const int32_t* weights, const Ends<Then>& ends,
                          std::size_t rest, Result* const* to) {
    Tile sums[] = {(static_cast<void>(P), ends.start)...};
    const auto add = [](Tile& sum, Vec x, const Tile& all) {
        sum.first = Dot::add(sum.first, x, all.first);
        sum.second = Dot::add(sum.second, x, all.second);
    };
    std::size_t i = 0;
    for (; i + Dot::kCount <= inputs; i += Dot::kCount, weights += kTile) {
        const Tile all = Tile::load(weights);
        (add(sums[P], Dot::load(from[P] + i), all), ...);
    }
    if constexpr (Dot::kCount == 2) {
        if (i < inputs) {
            const Tile all = Tile::load(weights);
            (add(sums[P], Vec::all(static_cast<uint16_t>(from[P][i])), all), ...);
        }
    }
    (store(ends.finish(sums[P]), to[P], rest), ...);
}

// `ends_at` gives the `Ends` of the tile that begins with a channel.
template <class Dot, class Result, class EndsAt>
inline void convolve_tiles(const typename Dot::Number* source, std::size_t pixels,
                           std::size_t inputs, std::size_t outputs, const int32_t* weights,
                           const EndsAt& ends_at, Result* target) {
    const std::size_t tile_weights = (inputs + Dot::kCount - 1) / Dot::kCount * kTile;
    for (std::size_t at = 0; at < outputs; at += kTile, weights += tile_weights) {
        const auto ends = ends_at(at);
        for (std::size_t begin = 0; begin < pixels; begin += kPixels) {
            const typename Dot::Number* from[kPixels];
            Result* to[kPixels];
            for (std::size_t p = 0; p < kPixels; ++p) {
                // Beyond the last pixel, the last one once more.
                const std::size_t pixel = begin + p < pixels ? begin + p : pixels - 1;
                from[p] = source + pixel * inputs;
                to[p] = target + pixel * outputs + at;
            }
            convolve_tile<Dot>(std::make_index_sequence<kPixels>(), from, inputs, weights, ends,
                               outputs - at, to);
        }
    }
}

template <class Result>
void convolve(const int16_t* source, std::size_t pixels, std::size_t inputs, std::size_t outputs,
              const Weights& weights, const Rescaling& rescaling, Result* target) {
    const auto ends_at = [&](std::size_t at) {
        return Ends<Finish>{Tile::load(weights.bias + at), Finish(rescaling, at)};
    };
    convolve_tiles<Pairs>(source, pixels, inputs, outputs, weights.pairs, ends_at, target);
}

#if defined(LIC_BYTE_PRODUCTS)

struct Fours {
    using Number = uint8_t;
    static constexpr std::size_t kCount = 4;
    static Vec load(const Number* p) { return all_four(p); }
    static Vec add(Vec sum, Vec x, Vec weights) { return add_dot8(sum, x, weights); }
};

// The channels of one tile, whose weights are multiples.
struct ByteFinish {
    Tile factors, bias;
    Finish finish;

    Tile operator()(const Tile& sum) const {
        return finish({sum.first * factors.first + bias.first,
                       sum.second * factors.second + bias.second});
    }
};

template <class Result>
void convolve_bytes(const int16_t* source, std::size_t pixels, std::size_t inputs,
                    std::size_t outputs, const ByteWeights& weights, const Rescaling& rescaling,
                    Result* target) {
    const std::size_t padded = (inputs + 3) / 4 * 4;
    uint8_t bytes[kBlock * kMostByteInputs];
    for (std::size_t p = 0; p < pixels; ++p) {
        const int16_t* from = source + p * inputs;
        uint8_t* to = bytes + p * padded;
        for (std::size_t i = 0; i < inputs; ++i) {
            to[i] = static_cast<uint8_t>(from[i] - weights.low);
        }
        for (std::size_t i = inputs; i < padded; ++i) to[i] = 0;
    }
    const auto ends_at = [&](std::size_t at) {
        return Ends<ByteFinish>{{Vec::all(0), Vec::all(0)},
                                {Tile::load(weights.factors + at), Tile::load(weights.bias + at),
                                 Finish(rescaling, at)}};
    };
    convolve_tiles<Fours>(bytes, pixels, padded, outputs, weights.fours, ends_at, target);
}

#endif

// One tile of neighbouring pixels.
template <std::size_t... P>
inline void convolve_taps(std::index_sequence<P...>, const int16_t* const* taps, std::size_t count,
                          std::size_t channels, std::size_t offset, std::size_t rest,
                          const int32_t* weights, const Tile& bias, const Finish& finish,
                          int16_t* target) {
    Tile sums[] = {(static_cast<void>(P), bias)...};
    for (std::size_t tap = 0; tap < count; tap += 2, weights += kTile) {
        const Tile both = Tile::load(weights);
        const int16_t* const one = taps[tap] + offset;
        const int16_t* const other = taps[tap + 1] + offset;
        (sums[P].add(load_part(one + P * channels, rest),
                     load_part(other + P * channels, rest), both),
         ...);
    }
    (store(finish(sums[P]), target + offset + P * channels, rest), ...);
}

void convolve_depthwise(const int16_t* const* taps, std::size_t count, std::size_t pixels,
                        std::size_t channels, const Weights& weights, const Rescaling& rescaling,
                        int16_t* target) {
    const int32_t* tile_weights = weights.pairs;
    for (std::size_t at = 0; at < channels; at += kTile, tile_weights += count / 2 * kTile) {
        const Tile bias = Tile::load(weights.bias + at);
        const Finish finish(rescaling, at);
        std::size_t p = 0;
        for (; p + kDepthwisePixels <= pixels && at + kTile <= channels; p += kDepthwisePixels) {
            convolve_taps(std::make_index_sequence<kDepthwisePixels>(), taps, count, channels,
                          at + p * channels, kTile, tile_weights, bias, finish, target);
        }
        for (; p < pixels; ++p) {
            convolve_taps(std::index_sequence<0>(), taps, count, channels, at + p * channels,
                          channels - at, tile_weights, bias, finish, target);
        }
    }
}

// 16-bit numbers as two vectors of 32 bits, which `pack16` puts together again.
inline Tile widen(Vec x) {
    return {shift_right<16>(unpack_low16(x, x)), shift_right<16>(unpack_high16(x, x))};
}

inline Vec narrow(const Tile& x) {
    const Vec lowest = Vec::all(-32767);
    return pack16(max(x.first, lowest), max(x.second, lowest));
}

// Calls f(at, rest) for all tiles of `count` numbers; only the last one may have a rest below kTile.
template <class F>
inline void for_tiles(std::size_t count, F&& f) {
    std::size_t at = 0;
    for (; at + kTile <= count; at += kTile) f(at, kTile);
    if (at < count) f(at, count - at);
}

void gate(const int16_t* values, const int16_t* gates, std::size_t count, Opening opening,
          int16_t* target) {
    const Vec three = Vec::all(opening.three);
    const Vec multiplier = Vec::all(opening.multiplier);
    const auto opened = [&](Vec value, Vec gate) {
        const Vec open = clamp(gate + three, Vec::all(0), three + three);
        return multiply_shift<31>(value * open, multiplier);
    };
    for_tiles(count, [&](std::size_t at, std::size_t rest) {
        const Tile value = widen(load_part(values + at, rest));
        const Tile gate = widen(load_part(gates + at, rest));
        const Tile result{opened(value.first, gate.first), opened(value.second, gate.second)};
        store_part(narrow(result), target + at, rest);
    });
}

void hard_swish(const int16_t* source, std::size_t count, Opening opening, int16_t* target) {
    gate(source, source, count, opening, target);
}

void add(const int16_t* first, const int16_t* second, std::size_t count, int16_t* target) {
    for_tiles(count, [&](std::size_t at, std::size_t rest) {
        const Tile a = widen(load_part(first + at, rest));
        const Tile b = widen(load_part(second + at, rest));
        store_part(narrow({a.first + b.first, a.second + b.second}), target + at, rest);
    });
}

void gain(const int16_t* source, std::size_t channels, const Gains& gains, int16_t* target) {
    const Vec low = Vec::all(gains.low);
    const Vec high = Vec::all(gains.high);
    for_tiles(channels, [&](std::size_t at, std::size_t rest) {
        const Tile x = widen(load_part(source + at, rest));
        const Tile m = Tile::load(gains.multipliers + at);
        const Tile result{clamp(multiply_shift<20>(x.first, m.first), low, high),
                          clamp(multiply_shift<20>(x.second, m.second), low, high)};
        store_part(pack16(result.first, result.second), target + at, rest);
    });
}

inline int32_t limited(int32_t x, int32_t low, int32_t high) {
    return x < low ? low : x > high ? high : x;
}

template <class Raw, std::size_t K>
void mixture_of(const Raw* source, std::size_t latents, const MixtureTarget& target) {
    const Raw* scales = source + latents;
    const Raw* means = scales + K * latents;
    const Raw* logits = means + (K - 1) * latents;
    for (std::size_t i = 0; i < latents; ++i) {
        target.centres[i] = source[i];
        int32_t largest = 0;
        for (std::size_t k = 1; k < K; ++k) {
            const int32_t logit = logits[(k - 1) * latents + i];
            largest = logit > largest ? logit : largest;
        }
        for (std::size_t k = 0; k < K; ++k) {
            const std::size_t to = k * target.plane + i;
            const int32_t logit = k == 0 ? 0 : logits[(k - 1) * latents + i];
            const int32_t mean = k == 0 ? 0 : means[(k - 1) * latents + i];
            const int32_t scale = (scales[k * latents + i] + 128) >> 8;
            // Limits of 30 bits keep the difference within 32.
            target.logits[to] = static_cast<int8_t>(limited(logit - largest + 127, -128, 127));
            target.means[to] = static_cast<int16_t>(limited(mean, -32768, 32767));
            target.scales[to] = static_cast<uint8_t>(limited(scale, 0, 255));
        }
    }
}

template <class Raw>
void mixture(const Raw* source, std::size_t latents, std::size_t components,
             const MixtureTarget& target) {
    switch (components) {
        case 1: return mixture_of<Raw, 1>(source, latents, target);
        case 2: return mixture_of<Raw, 2>(source, latents, target);
        case 3: return mixture_of<Raw, 3>(source, latents, target);
        default: return mixture_of<Raw, 4>(source, latents, target);
    }
}

constexpr std::size_t kLimitTable = 64;  // tiles

template <std::size_t... P>
inline Vec multiply_add(std::index_sequence<P...>, const int16_t* table, std::size_t rounds) {
    Vec sums[] = {Vec::all(static_cast<int32_t>(P))...};
    const Vec x[] = {Vec::all16(static_cast<int16_t>(P + 1))...};
    for (std::size_t i = 0; i < rounds; ++i) {
        // A number that changes, so that no product can be taken out of the loop.
        const Vec w = Vec::load_halves(table + i % kLimitTable * kTile);
        ((sums[P] = add_dot16(sums[P], x[P], w)), ...);
    }
    Vec total = Vec::all(0);
    ((total = total + sums[P]), ...);
    return total;
}

int32_t multiply_adds(std::size_t rounds, std::size_t* count) {
    int16_t table[kLimitTable * kTile];
    for (std::size_t i = 0; i < kLimitTable * kTile; ++i) table[i] = static_cast<int16_t>(i % 7);
    int32_t sums[kWidth];
    multiply_add(std::make_index_sequence<kPixels>(), table, rounds).store(sums);
    *count = rounds * kPixels * kTile;
    return sums[0];
}

}  // namespace

#if defined(LIC_BYTE_PRODUCTS)
#define LIC_BYTE_KERNEL(Result) convolve_bytes<Result>
#else
#define LIC_BYTE_KERNEL(Result) nullptr
#endif

extern const Kernels LIC_KERNELS;
const Kernels LIC_KERNELS{LIC_ISA_NAME,
                          kTile,
                          channel,
                          convolve<int16_t>,
                          convolve<int32_t>,
                          LIC_BYTE_KERNEL(int16_t),
                          LIC_BYTE_KERNEL(int32_t),
                          convolve_depthwise,
                          hard_swish,
                          gate,
                          add,
                          gain,
                          mixture<int16_t>,
                          mixture<int32_t>,
                          multiply_adds};

}  // namespace lic::networks
