// The fixed-point mixture of Gaussians: cumulative counts C(v) of one symbol's distribution, for as
// many symbols at once as a vector holds.
//
// With d_k(v) = 32 (2 v - 1) - mean_k, the distance of symbol v's lower edge from component k's
// mean in 1/64 of a symbol, clamped to +-reach_k, and p_k = d_k * inverse_k >> 16 (4.3 scales are
// 2^15), let E be the odd function that `error_function` computes, from -32760 to 32760, and
//
//     F(v) = (sum_k weight_k E(p_k) + 32760 * 2^13) >> 11                  in 0 .. 2^18 - 64
//     C(v) = F(v) + ((F(v) * (64 - W) + 2^14) >> 18) + (v - low)           W = high - low + 1
//
// C is strictly increasing over the window [low, high + 1], from C(low) = 0 to C(high + 1) = 2^18,
// so every symbol of the window has a count of at least one:
//   - d_k grows with v, and clamping, multiplying by a positive number and floor keep the order; E
//     never decreases (a test looks at all its 2^16 arguments), so F never does;
//   - adding floor(c F + b), with c >= -1, to a whole F that never decreases gives what never
//     decreases either, and v - low grows by one with each symbol;
//   - the window reaches half a symbol beyond the point where every E is at its end, so F is 0 at
//     low and low + 1, and 2^18 - 64 at high and high + 1; there the middle term is 64 - W, exactly,
//     because 64 (W - 64) + 2^14 is less than 2^18 (W is at most 3140, by the largest reach and the
//     16 bits of the means). So the two ends, which stand for "low or less" and "high or more" and
//     are followed by escape bits, have a count of exactly one.
// No product leaves 32 bits: |d| * inverse < 4.3 / 4.3 * 2^31, and F * |64 - W| < 2^18 * 2^12.
#pragma once

#include "kernels.hpp"
#include "simd.hpp"

namespace lic {
namespace {

constexpr int16_t kError1 = 13848;
constexpr int16_t kError2 = 24522;
constexpr int16_t kError3 = 12647;
constexpr int32_t kErrorEnd = 32760;
constexpr int32_t kSpare = 64;

// erf(z / sqrt(2)) for pairs of 16-bit z = p / 2^15 * 4.3. The complement is the eighth power of a
// polynomial of degree three: 7 multiplications, no look-up, off by 0.0006 at most.
inline Vec error_function(Vec p) {
    const Vec sign = sign16(p);
    const Vec u = abs16(p);
    Vec r = sub16(Vec::all16(kError2), scale16(u, Vec::all16(kError3)));
    r = add16(Vec::all16(kError1), scale16(u, r));
    r = sub16(Vec::all16(32767), scale16(u, r));
    r = scale16(r, r);
    r = scale16(r, r);
    r = scale16(r, r);
    return sub16(sub16(Vec::all16(kErrorEnd), r) ^ sign, sign);
}

template <int K>
struct Mixture {
    static constexpr int kPairs = (K + 1) / 2;
    Vec mean[K];
    Vec reach[K];
    Vec inverse[K];
    Vec weights[kPairs];
    Vec low;
    Vec tilt;

    Mixture(const MixtureBlock& block, std::size_t at)
        : low(Vec::load(block.low + at)), tilt(Vec::load(block.tilt + at)) {
        for (int k = 0; k < K; ++k) {
            mean[k] = Vec::load(block.mean[k] + at);
            reach[k] = Vec::load(block.reach[k] + at);
            inverse[k] = Vec::load(block.inverse[k] + at);
        }
        for (int j = 0; j < kPairs; ++j) weights[j] = Vec::load(block.weights[j] + at);
    }

    // The same mixtures in another order.
    Mixture permuted(Vec index) const {
        Mixture other = *this;
        for (int k = 0; k < K; ++k) {
            other.mean[k] = permute(mean[k], index);
            other.reach[k] = permute(reach[k], index);
            other.inverse[k] = permute(inverse[k], index);
        }
        for (int j = 0; j < kPairs; ++j) other.weights[j] = permute(weights[j], index);
        other.low = permute(low, index);
        other.tilt = permute(tilt, index);
        return other;
    }

    Vec position(Vec edge, int k) const {
        const Vec distance = max(min(edge - mean[k], reach[k]), Vec::all(0) - reach[k]);
        return distance * inverse[k];
    }

    // C(v) for v in [low, high + 1]; any other v gives a number without a meaning.
    Vec cumulative(Vec v) const {
        const Vec edge = shift_left<6>(v) - Vec::all(32);
        Vec sum = Vec::all(kErrorEnd << kWeightBits);
        for (int j = 0; j < kPairs; ++j) {
            const Vec even = position(edge, 2 * j);
            // Without a second component its weight is zero.
            const Vec pair = 2 * j + 1 < K ? upper_halves(even, position(edge, 2 * j + 1))
                                           : shift_right<16>(even);
            sum = sum + dot16(error_function(pair), weights[j]);
        }
        const Vec f = shift_right<kWeightBits - 2>(sum);
        const Vec correction = shift_right<kProbabilityBits>(f * tilt + Vec::all(1 << 14));
        return f + correction + (v - low);
    }
};

}  // namespace
}  // namespace lic
