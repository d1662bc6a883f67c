// What is compiled once for every instruction set, and chosen when the program runs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tables.hpp"

namespace lic {

constexpr std::size_t kBlock = 256;  // symbols whose parameters are prepared together
constexpr std::size_t kPadding = 16;  // the widest vector, which may begin at the last symbol
static_assert(kBlock % kMaximumLanes == 0);

// Parameters of up to kBlock symbols in the form in which the cumulative counts need them; see
// mixture.hpp. All entries are valid parameters, also beyond the last symbol.
struct alignas(64) MixtureBlock {
    using Row = int32_t[kBlock + kPadding];
    Row mean[kMaximumComponents];
    Row reach[kMaximumComponents];
    Row inverse[kMaximumComponents];
    Row weights[kMaximumComponents / 2];  // two 16-bit numbers each
    Row low;
    Row high;
    Row tilt;
};

// Intervals of symbols: cumulative count and count, in 1/2^18.
struct Interval {
    uint32_t start;
    uint32_t frequency;
};

struct Kernels {
    const char* name;

    // Prepares symbols begin .. begin + count - 1.
    void (*prepare)(const Tables& tables, const MixtureArrays& arrays, std::size_t begin,
                    std::size_t count, MixtureBlock& block);

    // Intervals of `count` symbols, clamped to their windows; true if one is at a window's end.
    bool (*intervals)(const MixtureBlock& block, int components, const int32_t* symbols,
                      std::size_t count, Interval* intervals);

    // Decodes `count` symbols, at most one block, from the lanes' states; words are taken at *front,
    // and nothing is read at or beyond `end`. Returns false if there are too few words. Escapes are
    // not resolved, but *escapes tells whether there are any.
    bool (*decode)(const Tables& tables, const MixtureBlock& block, int components,
                   std::size_t count, std::size_t lanes, uint64_t* states, const uint8_t** front,
                   const uint8_t* end, int32_t* symbols, bool* escapes);

    // Pushes `count` symbols, the last one first, on the lanes' states, which are doubles because
    // these hold integers up to 2^53 exactly and divide quickly. Words are written downwards from
    // `words`; returns the last one's place.
    uint16_t* (*encode)(const Interval* intervals, std::size_t count, std::size_t lanes,
                        double* states, uint16_t* words);

    // Adds symbols to the 16 columns of the check value.
    void (*check)(const int32_t* symbols, std::size_t count, uint32_t* columns);
};

// The kernels of an instruction set by name, or null if there are none or this machine lacks it.
const Kernels* find_kernels(const char* name);

// The fastest kernels that this machine can run, up to the instruction set of that name if it is not
// empty; throws std::invalid_argument if there is none of that name anywhere.
const Kernels& best_kernels(const char* limit);

// The names of those that this machine can run, the fastest first.
const char* const* available_kernels(std::size_t* count);

}  // namespace lic
