// What is compiled once for every instruction set, and chosen when the program runs.
//
// Channels go through a kernel in tiles: two vectors of 32-bit accumulators, which become one of
// 16-bit values. All arrays by channel are therefore stored in the order of a kernel's tiles, with
// zeros to the end of the last one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lic::networks {

constexpr std::size_t kBlock = 48;  // pixels that go through a row of layers together
constexpr std::size_t kMaximumTaps = 50;  // of 7 x 7, in pairs
constexpr std::size_t kMostByteInputs = 1024;  // of a convolution of bytes

// What makes a value of a channel's accumulator: it is multiplied by `multipliers` / 2^31, rounded,
// limited to lows..highs, and `offsets` are added. By tiles.
struct Rescaling {
    const int32_t* multipliers;
    const int32_t* lows;
    const int32_t* highs;
    const int32_t* offsets;
};

// Weights as pairs of 16-bit numbers, [tile][pair of inputs or taps][channel of the tile], and the
// accumulators' first values, by tiles.
struct Weights {
    const int32_t* pairs;
    const int32_t* bias;
};

// Weights of 8 bits in fours, [tile][four inputs][channel of the tile]. The sums of their products
// with inputs less `low`, which have 8 bits without a sign, are multiplied by `factors`, and `bias`
// is added. By tiles.
struct ByteWeights {
    const int32_t* fours;
    const int32_t* factors;
    const int32_t* bias;
    int32_t low;
};

// x clip(y + three, 0, 2 three), rescaled.
struct Opening {
    int32_t three;
    int32_t multiplier;
};

// Factors in 1/2^20, by tiles, and the limits of what they make.
struct Gains {
    const int32_t* multipliers;
    int32_t low;
    int32_t high;
};

// Where a mixture's numbers go: `plane` is the distance from one component to the next.
struct MixtureTarget {
    int32_t* centres;
    int8_t* logits;
    int16_t* means;
    uint8_t* scales;
    std::size_t plane;
};

struct Kernels {
    const char* name;
    std::size_t tile;  // channels

    // The channel at a place of a tile whose results have 16 bits, or 32 if `wide`.
    std::size_t (*channel)(std::size_t place, bool wide);

    // Pixels of `inputs` channels to pixels of `outputs`.
    void (*convolve)(const int16_t* source, std::size_t pixels, std::size_t inputs,
                     std::size_t outputs, const Weights& weights, const Rescaling& rescaling,
                     int16_t* target);
    void (*convolve_wide)(const int16_t* source, std::size_t pixels, std::size_t inputs,
                          std::size_t outputs, const Weights& weights, const Rescaling& rescaling,
                          int32_t* target);

    // The same integers in half the time, of at most kBlock pixels and kMostByteInputs inputs; null
    // where the instruction set has no products of bytes.
    void (*convolve_bytes)(const int16_t* source, std::size_t pixels, std::size_t inputs,
                           std::size_t outputs, const ByteWeights& weights,
                           const Rescaling& rescaling, int16_t* target);
    void (*convolve_bytes_wide)(const int16_t* source, std::size_t pixels, std::size_t inputs,
                                std::size_t outputs, const ByteWeights& weights,
                                const Rescaling& rescaling, int32_t* target);

    // Neighbouring pixels, of which the first sees `taps`, an even number, and each sees what lies
    // one pixel farther than its predecessor.
    void (*convolve_depthwise)(const int16_t* const* taps, std::size_t count, std::size_t pixels,
                               std::size_t channels, const Weights& weights,
                               const Rescaling& rescaling, int16_t* target);

    // `count` numbers each; the target may be the source.
    void (*hard_swish)(const int16_t* source, std::size_t count, Opening opening, int16_t* target);
    void (*gate)(const int16_t* values, const int16_t* gates, std::size_t count, Opening opening,
                 int16_t* target);
    void (*add)(const int16_t* first, const int16_t* second, std::size_t count, int16_t* target);

    // One pixel.
    void (*gain)(const int16_t* source, std::size_t channels, const Gains& gains, int16_t* target);

    // One pixel's raw outputs of `latents` latents, part by part.
    void (*mixture)(const int16_t* source, std::size_t latents, std::size_t components,
                    const MixtureTarget& target);
    void (*mixture_wide)(const int32_t* source, std::size_t latents, std::size_t components,
                         const MixtureTarget& target);

    // For benchmarks: rounds of independent multiply-adds on sums that stay in registers. Returns a
    // sum; `count` gets the number of multiply-adds.
    int32_t (*multiply_adds)(std::size_t rounds, std::size_t* count);
};

// The kernels of an instruction set by name, or null if there are none or this machine lacks it.
const Kernels* find_kernels(const char* name);

// The fastest kernels that this machine can run, up to the instruction set of that name if it is not
// empty; throws std::invalid_argument if there is none of that name anywhere.
const Kernels& best_kernels(const char* limit);

// The names of those that this machine can run, the fastest first.
const char* const* available_kernels(std::size_t* count);

}  // namespace lic::networks
