// The transform of blocks: a cosine transform in integers, whose inverse is part of the format.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace lic::residual {

inline constexpr int kLargest = 16;  // a block's side
using Block = std::array<int32_t, kLargest * kLargest>;

// 64 sqrt(2) cos(pi j / 32), as in HEVC (ITU-T H.265, 8.6.4.2); the constant row is 64.
inline int cosine(int j) {
    static constexpr std::array<int, 17> quarter = {91, 90, 89, 87, 83, 80, 75, 70, 64,
                                                    57, 50, 43, 36, 25, 18, 9,  0};
    j &= 63;
    if (j > 32) j = 64 - j;
    return j <= 16 ? quarter[j] : -quarter[32 - j];
}

// matrix[k][n]: basis k at sample n, times 64 sqrt(side).
struct Basis {
    std::array<std::array<int32_t, kLargest>, kLargest> matrix{};
    explicit Basis(int side) {
        for (int k = 0; k < side; ++k)
            for (int n = 0; n < side; ++n)
                matrix[k][n] = k == 0 ? 64 : cosine(k * (2 * n + 1) * (kLargest / side));
    }
};

inline const Basis& basis(int side) {
    static const Basis eight(8), sixteen(16);
    return side == 8 ? eight : sixteen;
}

inline constexpr int32_t kCoefficientLimit = 1 << 17;

// Coefficients (row, column), each within +-kCoefficientLimit, to samples, in place. The transform
// is orthonormal up to the rounding of its integers.
template <int S>
void inverse_transform(Block& block) {
    const auto& m = basis(S).matrix;
    Block half;
    for (int y = 0; y < S; ++y) {
        std::array<int32_t, S> sums;
        sums.fill(128);
        for (int k = 0; k < S; ++k) {
            for (int x = 0; x < S; ++x) sums[x] += m[k][y] * block[k * S + x];
        }
        for (int x = 0; x < S; ++x) half[y * S + x] = sums[x] >> 8;
    }
    constexpr int shift = S == 8 ? 7 : 8;
    for (int y = 0; y < S; ++y) {
        std::array<int32_t, S> sums;
        sums.fill(1 << (shift - 1));
        for (int k = 0; k < S; ++k)
            for (int x = 0; x < S; ++x) sums[x] += half[y * S + k] * m[k][x];
        for (int x = 0; x < S; ++x) block[y * S + x] = sums[x] >> shift;
    }
}

// Samples to coefficients; for encoders, which may compute it as they like.
template <int S>
void forward_transform(const std::array<float, kLargest * kLargest>& samples,
                       std::array<float, kLargest * kLargest>& out) {
    const auto& m = basis(S).matrix;
    std::array<std::array<float, S>, S> f;
    for (int k = 0; k < S; ++k)
        for (int n = 0; n < S; ++n) f[k][n] = static_cast<float>(m[k][n]);
    std::array<float, S * S> half{};
    for (int y = 0; y < S; ++y)
        for (int n = 0; n < S; ++n)
            for (int k = 0; k < S; ++k) half[y * S + k] += samples[y * S + n] * f[k][n];
    out.fill(0);
    for (int k = 0; k < S; ++k)
        for (int n = 0; n < S; ++n)
            for (int x = 0; x < S; ++x) out[k * S + x] += f[k][n] * half[n * S + x];
    constexpr float scale = S == 8 ? 1.0f / 32768 : 1.0f / 65536;
    for (int i = 0; i < S * S; ++i) out[i] *= scale;
}

}  // namespace lic::residual
