// The fixed-point mixture of Gaussians: cumulative counts of one symbol's distribution.
//
// With d_k(v) = 32 (2 v - 1) - mean_k, the distance of symbol v's lower edge from component k's
// mean in 1/64 of a symbol, and F(v) = (sum_k weight_k Phi_k(d_k(v))) >> 12, in 0..65536:
//
//     C(v) = (F(v) * (65536 - W) >> 16) + (v - low),   W = high - low + 1
//
// C is strictly increasing over the window [low, high + 1], from C(low) = 0 to C(high + 1) = 65536,
// so every symbol of the window has a count of at least one:
//   - d_k grows with v; clamping, multiplying by a positive factor and interpolating linearly in a
//     non-decreasing table all preserve order, and floor does, so F never decreases;
//   - v - low grows by one with each symbol, so C grows by at least one;
//   - the window reaches half a symbol beyond the point where every Phi_k is 0 or 65536 exactly, so
//     F(low) = F(low + 1) = 0 and F(high) = F(high + 1) = 65536 (the weights sum to 4096): C takes
//     the end values above, and the two ends of the window, which stand for "low or less" and
//     "high or more" and are followed by escape bits, have a count of exactly one.
// W is at most 3280, so the product fits in 32 unsigned bits: 65536 * (65536 - W) < 2^32.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "tables.hpp"

namespace lic {

constexpr int kMaximumComponents = 4;

// Parameters of n symbols, component after component: row k is at [k * n].
struct MixtureArrays {
    const int8_t* logits;
    const int16_t* means;
    const uint8_t* scales;
    std::size_t components;
    std::size_t count;
};

template <int K>
class Mixture {
public:
    Mixture(const Tables& tables, const MixtureArrays& arrays, std::size_t index)
        : normal_(tables.normal.data()) {
        int32_t bottom = INT32_MAX;
        int32_t top = INT32_MIN;
        for (int k = 0; k < K; ++k) {
            const std::size_t at = static_cast<std::size_t>(k) * arrays.count + index;
            const std::size_t scale = arrays.scales[at];
            mean_[k] = arrays.means[at];
            reach_[k] = tables.reach[scale];
            inverse_[k] = tables.inverse_scale[scale];
            bottom = std::min(bottom, mean_[k] - reach_[k]);
            top = std::max(top, mean_[k] + reach_[k]);
        }
        low_ = (bottom - 32) >> 6;
        high_ = (top + 32 + 63) >> 6;
        spread_ = kTotal - static_cast<uint32_t>(high_ - low_ + 1);
        set_weights(tables, arrays, index);
    }

    int32_t low() const { return low_; }
    int32_t high() const { return high_; }

    // C(v) for v in [low, high + 1].
    uint32_t cumulative(int32_t v) const {
        uint32_t sum = 0;
        for (int k = 0; k < K; ++k) {
            const int32_t distance = std::clamp(64 * v - 32 - mean_[k], -reach_[k], reach_[k]);
            // Clamped, the product is less than 592 << 21 in magnitude: it fits, and the position
            // stays inside the table.
            const uint32_t position = static_cast<uint32_t>(distance * inverse_[k]) +
                                      (static_cast<uint32_t>(kNormalHalf) << kPositionBits);
            const uint32_t entry = normal_[position >> kPositionBits];
            const uint32_t fraction = position & ((1u << kPositionBits) - 1);
            sum += weight_[k] * ((entry >> 8) + ((entry & 255) * fraction >> kPositionBits));
        }
        return ((sum >> kWeightBits) * spread_ >> kProbabilityBits) +
               static_cast<uint32_t>(v - low_);
    }

    // The symbol v with C(v) <= slot < C(v + 1), and its interval; slot is below 65536.
    int32_t find(const Tables& tables, uint32_t slot, uint32_t& start, uint32_t& frequency) const {
        // A mixture's quantile lies between its components' smallest and largest quantiles. The
        // table is coarse and the floor of one count moves C a little, so this is only where the
        // search starts: the loops below widen it where it is wrong.
        const int32_t quantile = tables.quantile[slot >> 7];
        int32_t first = INT32_MAX;
        int32_t last = INT32_MIN;
        for (int k = 0; k < K; ++k) {
            const int32_t at = (mean_[k] + (quantile * reach_[k] >> 12) + 32) >> 6;
            first = std::min(first, at);
            last = std::max(last, at);
        }
        first = std::clamp(first, low_, high_);
        last = std::clamp(last, low_, high_) + 1;

        uint32_t below = cumulative(first);
        for (int32_t step = 1; below > slot; step *= 2) {
            last = first;
            first = std::max(first - step, low_);
            below = cumulative(first);
        }
        uint32_t above = cumulative(last);
        for (int32_t step = 1; above <= slot; step *= 2) {
            first = last;
            below = above;
            last = std::min(last + step, high_ + 1);
            above = cumulative(last);
        }
        while (last - first > 1) {
            const int32_t middle = first + (last - first) / 2;
            const uint32_t count = cumulative(middle);
            const bool right = count <= slot;
            first = right ? middle : first;
            below = right ? count : below;
            last = right ? last : middle;
            above = right ? above : count;
        }
        start = below;
        frequency = above - below;
        return first;
    }

private:
    // Weights in 1/4096 that sum to 4096: floors of the softmax, the remainder to the first of the
    // largest.
    void set_weights(const Tables& tables, const MixtureArrays& arrays, std::size_t index) {
        if constexpr (K == 1) {
            weight_[0] = 1u << kWeightBits;
            return;
        }
        int logit[K];
        int best = 0;
        for (int k = 0; k < K; ++k) {
            logit[k] = arrays.logits[static_cast<std::size_t>(k) * arrays.count + index];
            if (logit[k] > logit[best]) best = k;
        }
        uint32_t total = 0;
        for (int k = 0; k < K; ++k) {
            weight_[k] = tables.exponential[static_cast<std::size_t>(logit[best] - logit[k])];
            total += weight_[k];
        }
        uint32_t rest = 1u << kWeightBits;
        for (int k = 0; k < K; ++k) {
            weight_[k] = (weight_[k] << kWeightBits) / total;
            rest -= weight_[k];
        }
        weight_[best] += rest;
    }

    const uint32_t* normal_;
    int32_t mean_[K];
    int32_t reach_[K];
    int32_t inverse_[K];
    uint32_t weight_[K];
    int32_t low_;
    int32_t high_;
    uint32_t spread_;
};

// Calls f(std::integral_constant<int, K>) for the number of components, which Python has checked.
template <class F>
void with_components(std::size_t components, F&& f) {
    switch (components) {
        case 1: return f(std::integral_constant<int, 1>{});
        case 2: return f(std::integral_constant<int, 2>{});
        case 3: return f(std::integral_constant<int, 3>{});
        default: return f(std::integral_constant<int, 4>{});
    }
}

}  // namespace lic
