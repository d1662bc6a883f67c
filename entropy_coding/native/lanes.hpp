// Steps of rANS on the states of neighbouring lanes.
#pragma once

#include <math.h>

#include "kernels.hpp"
#include "simd.hpp"

namespace lic {
namespace {

#if defined(LIC_ISA_AVX512)

inline Vec slots(const uint64_t* states) {
    const __m256i low = _mm512_cvtepi64_epi32(_mm512_loadu_si512(states));
    const __m256i high = _mm512_cvtepi64_epi32(_mm512_loadu_si512(states + 8));
    const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    return {_mm512_and_si512(both, _mm512_set1_epi32(kTotal - 1))};
}

inline Vec look_up(const int32_t* table, Vec index) {
    return {_mm512_i32gather_epi32(index.v, table, 4)};
}

// For symbols of 4 counts or more; at least 32 bytes of words can be read.
inline bool advance_16(Vec rest, Vec frequency, uint64_t* states, const uint8_t** front) {
    const auto left = [&](__m256i rests, __m256i frequencies, const uint64_t* some) {
        const __m512i x = _mm512_srli_epi64(_mm512_loadu_si512(some), kProbabilityBits);
        return _mm512_add_epi64(_mm512_mul_epu32(_mm512_cvtepu32_epi64(frequencies), x),
                                _mm512_cvtepu32_epi64(rests));
    };
    const __m512i limit = _mm512_set1_epi64(kLowestState);
    const __m512i low = left(_mm512_castsi512_si256(rest.v), _mm512_castsi512_si256(frequency.v),
                             states);
    const __m512i high = left(_mm512_extracti64x4_epi64(rest.v, 1),
                              _mm512_extracti64x4_epi64(frequency.v, 1), states + 8);
    const __mmask8 low_mask = _mm512_cmplt_epu64_mask(low, limit);
    const __mmask8 high_mask = _mm512_cmplt_epu64_mask(high, limit);
    const auto mask = static_cast<__mmask16>(low_mask | unsigned{high_mask} << 8);
    const __m512i words = _mm512_maskz_expand_epi32(
        mask,
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(*front))));
    const auto fill = [&](__m512i x, __mmask8 some, __m256i word) {
        const __m512i shifted = _mm512_mask_slli_epi64(x, some, x, kWordBits);
        return _mm512_or_si512(shifted, _mm512_cvtepu32_epi64(word));
    };
    _mm512_storeu_si512(states, fill(low, low_mask, _mm512_castsi512_si256(words)));
    _mm512_storeu_si512(states + 8, fill(high, high_mask, _mm512_extracti64x4_epi64(words, 1)));
    *front += 2 * __builtin_popcount(mask);
    return true;
}

#else

inline Vec slots(const uint64_t* states) {
    int32_t low[Vec::kWidth];
    for (int j = 0; j < Vec::kWidth; ++j) {
        low[j] = static_cast<int32_t>(states[j] & (kTotal - 1));
    }
    return Vec::load(low);
}

inline Vec look_up(const int32_t* table, Vec index) {
    int32_t at[Vec::kWidth];
    index.store(at);
    for (int j = 0; j < Vec::kWidth; ++j) at[j] = table[at[j]];
    return Vec::load(at);
}

#endif

// Takes symbols off the states of neighbouring lanes; false if the words do not suffice. `rare`
// tells that a symbol may have fewer than 4 counts: only such a one can take a second word.
inline bool advance(Vec rest, Vec frequency, std::size_t lanes, bool rare, uint64_t* states,
                    const uint8_t** front, const uint8_t* end) {
#if defined(LIC_ISA_AVX512)
    if (!rare && lanes == 16 && end - *front >= 32) return advance_16(rest, frequency, states, front);
#endif
    alignas(64) int32_t rests[Vec::kWidth];
    alignas(64) int32_t frequencies[Vec::kWidth];
    rest.store(rests);
    frequency.store(frequencies);
    const auto left = [&](std::size_t j) {
        return static_cast<uint64_t>(frequencies[j]) * (states[j] >> kProbabilityBits) +
               static_cast<uint64_t>(rests[j]);
    };
    const uint8_t* words = *front;
    if (rare || static_cast<std::size_t>(end - words) < 2 * lanes) {
        for (std::size_t j = 0; j < lanes; ++j) {
            uint64_t x = left(j);
            while (x < kLowestState) {
                if (end - words < 2) return false;
                x = x << kWordBits | words[0] | uint64_t{words[1]} << 8;
                words += 2;
            }
            states[j] = x;
        }
    } else {
        for (std::size_t j = 0; j < lanes; ++j) {
            const uint64_t x = left(j);
            const uint64_t word = words[0] | uint64_t{words[1]} << 8;
            const bool low = x < kLowestState;
            states[j] = low ? x << kWordBits | word : x;
            words += low ? 2 : 0;
        }
    }
    *front = words;
    return true;
}

#if defined(_MSC_VER) && !defined(__clang__)
inline double whole(double x) { return floor(x); }
#else
inline double whole(double x) { return __builtin_floor(x); }
#endif

// A state of that much and more would leave 40 bits after a symbol of one count.
constexpr double kLimit = static_cast<double>(uint64_t{1} << (40 - kProbabilityBits));

// Pushes a symbol on its lane's state. Only one of fewer than 4 counts can put out two words.
inline uint16_t* push(const Interval& interval, double* state, uint16_t* words) {
    auto x = static_cast<uint64_t>(*state);
    const uint64_t frequency = interval.frequency;
    while (x >= frequency << (40 - kProbabilityBits)) {
        *--words = static_cast<uint16_t>(x);
        x >>= kWordBits;
    }
    *state = static_cast<double>(((x / frequency) << kProbabilityBits) + x % frequency +
                                 interval.start);
    return words;
}

// Pushes 16 neighbouring symbols of 4 counts or more on the states of their lanes.
inline uint16_t* push_16(const Interval* intervals, double* states, uint16_t* words) {
    // Every number below is a whole one less than 2^53, or a quotient whose distance from the next
    // whole number above it is at least 2^-18, much more than its rounding error: floor is exact.
    alignas(64) int32_t emitted[16];
    alignas(64) int32_t full[16];
    for (std::size_t j = 0; j < 16; ++j) {
        const double start = static_cast<double>(static_cast<int32_t>(intervals[j].start));
        const double frequency = static_cast<double>(static_cast<int32_t>(intervals[j].frequency));
        double x = states[j];
        const double shifted = whole(x * (1.0 / 65536));
        emitted[j] = static_cast<int32_t>(x - shifted * 65536);
        full[j] = x >= frequency * kLimit ? 1 : 0;
        x = x >= frequency * kLimit ? shifted : x;
        const double quotient = whole(x / frequency);
        states[j] = quotient * static_cast<double>(kTotal) + (x - quotient * frequency) + start;
    }
#if defined(LIC_ISA_AVX512)
    const __m512i zero = _mm512_setzero_si512();
    const __mmask16 mask = _mm512_cmpneq_epi32_mask(_mm512_loadu_si512(full), zero);
    const int count = __builtin_popcount(mask);
    const __m512i kept = _mm512_maskz_compress_epi32(mask, _mm512_loadu_si512(emitted));
    words -= count;
    _mm256_mask_storeu_epi16(words, static_cast<__mmask16>((1u << count) - 1),
                             _mm512_cvtepi32_epi16(kept));
#else
    for (std::size_t j = 16; j-- > 0;) {
        words[-1] = static_cast<uint16_t>(emitted[j]);
        words -= full[j];
    }
#endif
    return words;
}

inline bool any_rare(const Interval* intervals) {
    uint32_t rare = 0;
    for (std::size_t j = 0; j < 16; ++j) rare |= intervals[j].frequency < 4 ? 1u : 0u;
    return rare != 0;
}

}  // namespace
}  // namespace lic
