// Vectors of 32-bit integers, whose halves are at times two 16-bit ones: one type per instruction
// set, with the few operations that the kernels need. The including file is compiled once per set.
//
// `add_dot16` adds products of pairs of 16-bit numbers; `add_dot8`, where LIC_BYTE_PRODUCTS is
// defined, those of four bytes without a sign with four that have one. Sums wrap around.
//
// `multiply_shift<N>` is a product of 64 bits / 2^N, rounded half up, of which 32 bits are kept.
//
// Everything has internal linkage: an inline function that two translation units compile with
// different instruction sets would be merged by the linker, and crash on an older machine.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(LIC_ISA_AVX512) || defined(LIC_ISA_AVX2) || defined(LIC_ISA_SSE41)
#include <immintrin.h>
#elif defined(LIC_ISA_NEON)
#include <arm_neon.h>
#endif

// A dot product that is added to a sum, by one instruction. Not its intrinsic: GCC 12 copies the sum
// before each one and keeps half of a convolution's sums in memory, which makes it slower than two
// instructions are.
#define LIC_DOT(name, instruction, registers)                                               \
    inline Vec name(Vec sum, Vec a, Vec b) {                                                \
        __asm__(instruction " %2, %1, %0" : "+" registers(sum.v) : registers(a.v), registers(b.v)); \
        return sum;                                                                         \
    }

namespace lic {
namespace {

#if defined(LIC_ISA_AVX512)

struct Vec {
    static constexpr int kWidth = 16;
    __m512i v;
    static Vec load(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
    static Vec load8(const int8_t* p) {
        return {_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
    }
    static Vec load16(const int16_t* p) {
        return {_mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
    }
    static void load_pairs(const int32_t* p, Vec& first, Vec& second) {
        const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4,
                                              2, 0);
        const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
        const Vec low = load(p);
        const Vec high = load(p + 16);
        first = {_mm512_permutex2var_epi32(low.v, even, high.v)};
        second = {_mm512_permutex2var_epi32(low.v, odd, high.v)};
    }
    static Vec all(int32_t x) { return {_mm512_set1_epi32(x)}; }
    static Vec all16(int16_t x) { return {_mm512_set1_epi16(x)}; }
    void store(int32_t* p) const { _mm512_storeu_si512(p, v); }
    static Vec load_halves(const int16_t* p) { return {_mm512_loadu_si512(p)}; }
    void store_halves(int16_t* p) const { _mm512_storeu_si512(p, v); }
};
using Mask = __mmask16;
inline Vec operator+(Vec a, Vec b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm512_sub_epi32(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
inline Vec operator^(Vec a, Vec b) { return {_mm512_xor_si512(a.v, b.v)}; }
inline Vec min(Vec a, Vec b) { return {_mm512_min_epi32(a.v, b.v)}; }
inline Vec max(Vec a, Vec b) { return {_mm512_max_epi32(a.v, b.v)}; }
template <int N> Vec shift_left(Vec a) { return {_mm512_slli_epi32(a.v, N)}; }
template <int N> Vec shift_right(Vec a) { return {_mm512_srai_epi32(a.v, N)}; }
inline Mask greater(Vec a, Vec b) { return _mm512_cmpgt_epi32_mask(a.v, b.v); }
inline Vec select(Mask m, Vec yes, Vec no) { return {_mm512_mask_blend_epi32(m, no.v, yes.v)}; }
inline bool any(Mask m) { return m != 0; }
inline Vec upper_halves(Vec low, Vec high) {
    const __m512i shifted = _mm512_srli_epi32(low.v, 16);
    return {_mm512_mask_blend_epi16(0xAAAAAAAAu, shifted, high.v)};
}
inline Vec permute(Vec a, Vec index) { return {_mm512_permutexvar_epi32(index.v, a.v)}; }
inline Vec add16(Vec a, Vec b) { return {_mm512_add_epi16(a.v, b.v)}; }
inline Vec sub16(Vec a, Vec b) { return {_mm512_sub_epi16(a.v, b.v)}; }
inline Vec abs16(Vec a) { return {_mm512_abs_epi16(a.v)}; }
inline Vec sign16(Vec a) { return {_mm512_srai_epi16(a.v, 15)}; }
inline Vec quarter16(Vec a) { return {_mm512_srai_epi16(a.v, 2)}; }
inline Vec scale16(Vec a, Vec b) { return {_mm512_mulhrs_epi16(a.v, b.v)}; }
inline Vec dot16(Vec a, Vec b) { return {_mm512_madd_epi16(a.v, b.v)}; }
#if defined(__AVX512VNNI__)
#define LIC_BYTE_PRODUCTS
LIC_DOT(add_dot16, "vpdpwssd", "v")
LIC_DOT(add_dot8, "vpdpbusd", "v")
#else
inline Vec add_dot16(Vec sum, Vec a, Vec b) { return sum + dot16(a, b); }
#endif
inline Vec unpack_low16(Vec a, Vec b) { return {_mm512_unpacklo_epi16(a.v, b.v)}; }
inline Vec unpack_high16(Vec a, Vec b) { return {_mm512_unpackhi_epi16(a.v, b.v)}; }
inline Vec pack16(Vec low, Vec high) { return {_mm512_packs_epi32(low.v, high.v)}; }
template <int N> Vec multiply_shift(Vec a, Vec b) {
    const __m512i half = _mm512_set1_epi64(int64_t{1} << (N - 1));
    const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(a.v, b.v), half);
    const __m512i odd = _mm512_add_epi64(
        _mm512_mul_epi32(_mm512_srli_epi64(a.v, 32), _mm512_srli_epi64(b.v, 32)), half);
    const __m512i low = _mm512_srli_epi64(even, N);
    const __m512i high = _mm512_slli_epi64(odd, 32 - N);
    return {_mm512_mask_blend_epi32(0xAAAA, low, high)};
}

#elif defined(LIC_ISA_AVX2)

struct Vec {
    static constexpr int kWidth = 8;
    __m256i v;
    static Vec load(const int32_t* p) {
        return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
    }
    static Vec load8(const int8_t* p) {
        return {_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))};
    }
    static Vec load16(const int16_t* p) {
        return {_mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
    }
    static void load_pairs(const int32_t* p, Vec& first, Vec& second) {
        const __m256i order = _mm256_set_epi32(7, 5, 3, 1, 6, 4, 2, 0);
        const __m256i low = _mm256_permutevar8x32_epi32(load(p).v, order);
        const __m256i high = _mm256_permutevar8x32_epi32(load(p + 8).v, order);
        first = {_mm256_permute2x128_si256(low, high, 0x20)};
        second = {_mm256_permute2x128_si256(low, high, 0x31)};
    }
    static Vec all(int32_t x) { return {_mm256_set1_epi32(x)}; }
    static Vec all16(int16_t x) { return {_mm256_set1_epi16(x)}; }
    void store(int32_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
    static Vec load_halves(const int16_t* p) {
        return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
    }
    void store_halves(int16_t* p) const {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
    }
};
using Mask = __m256i;
inline Vec operator+(Vec a, Vec b) { return {_mm256_add_epi32(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm256_sub_epi32(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm256_mullo_epi32(a.v, b.v)}; }
inline Vec operator^(Vec a, Vec b) { return {_mm256_xor_si256(a.v, b.v)}; }
inline Vec min(Vec a, Vec b) { return {_mm256_min_epi32(a.v, b.v)}; }
inline Vec max(Vec a, Vec b) { return {_mm256_max_epi32(a.v, b.v)}; }
template <int N> Vec shift_left(Vec a) { return {_mm256_slli_epi32(a.v, N)}; }
template <int N> Vec shift_right(Vec a) { return {_mm256_srai_epi32(a.v, N)}; }
inline Mask greater(Vec a, Vec b) { return _mm256_cmpgt_epi32(a.v, b.v); }
inline Vec select(Mask m, Vec yes, Vec no) { return {_mm256_blendv_epi8(no.v, yes.v, m)}; }
inline bool any(Mask m) { return !_mm256_testz_si256(m, m); }
inline Vec upper_halves(Vec low, Vec high) {
    return {_mm256_blend_epi16(_mm256_srli_epi32(low.v, 16), high.v, 0xAA)};
}
inline Vec permute(Vec a, Vec index) { return {_mm256_permutevar8x32_epi32(a.v, index.v)}; }
inline Vec add16(Vec a, Vec b) { return {_mm256_add_epi16(a.v, b.v)}; }
inline Vec sub16(Vec a, Vec b) { return {_mm256_sub_epi16(a.v, b.v)}; }
inline Vec abs16(Vec a) { return {_mm256_abs_epi16(a.v)}; }
inline Vec sign16(Vec a) { return {_mm256_srai_epi16(a.v, 15)}; }
inline Vec quarter16(Vec a) { return {_mm256_srai_epi16(a.v, 2)}; }
inline Vec scale16(Vec a, Vec b) { return {_mm256_mulhrs_epi16(a.v, b.v)}; }
inline Vec dot16(Vec a, Vec b) { return {_mm256_madd_epi16(a.v, b.v)}; }
#if defined(__AVXVNNI__)
#define LIC_BYTE_PRODUCTS
LIC_DOT(add_dot16, "%{vex%} vpdpwssd", "x")
LIC_DOT(add_dot8, "%{vex%} vpdpbusd", "x")
#else
inline Vec add_dot16(Vec sum, Vec a, Vec b) { return sum + dot16(a, b); }
#endif
inline Vec unpack_low16(Vec a, Vec b) { return {_mm256_unpacklo_epi16(a.v, b.v)}; }
inline Vec unpack_high16(Vec a, Vec b) { return {_mm256_unpackhi_epi16(a.v, b.v)}; }
inline Vec pack16(Vec low, Vec high) { return {_mm256_packs_epi32(low.v, high.v)}; }
template <int N> Vec multiply_shift(Vec a, Vec b) {
    const __m256i half = _mm256_set1_epi64x(int64_t{1} << (N - 1));
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(a.v, b.v), half);
    const __m256i odd = _mm256_add_epi64(
        _mm256_mul_epi32(_mm256_srli_epi64(a.v, 32), _mm256_srli_epi64(b.v, 32)), half);
    const __m256i low = _mm256_srli_epi64(even, N);
    const __m256i high = _mm256_slli_epi64(odd, 32 - N);
    return {_mm256_blend_epi32(low, high, 0xAA)};
}

#elif defined(LIC_ISA_SSE41)

struct Vec {
    static constexpr int kWidth = 4;
    __m128i v;
    static Vec load(const int32_t* p) {
        return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))};
    }
    static Vec load8(const int8_t* p) { return {_mm_cvtepi8_epi32(_mm_loadu_si32(p))}; }
    static Vec load16(const int16_t* p) {
        return {_mm_cvtepi16_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))};
    }
    static void load_pairs(const int32_t* p, Vec& first, Vec& second) {
        const __m128i low = _mm_shuffle_epi32(load(p).v, 0xD8);
        const __m128i high = _mm_shuffle_epi32(load(p + 4).v, 0xD8);
        first = {_mm_unpacklo_epi64(low, high)};
        second = {_mm_unpackhi_epi64(low, high)};
    }
    static Vec all(int32_t x) { return {_mm_set1_epi32(x)}; }
    static Vec all16(int16_t x) { return {_mm_set1_epi16(x)}; }
    void store(int32_t* p) const { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v); }
    static Vec load_halves(const int16_t* p) {
        return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))};
    }
    void store_halves(int16_t* p) const {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v);
    }
};
using Mask = __m128i;
inline Vec operator+(Vec a, Vec b) { return {_mm_add_epi32(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm_sub_epi32(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm_mullo_epi32(a.v, b.v)}; }
inline Vec operator^(Vec a, Vec b) { return {_mm_xor_si128(a.v, b.v)}; }
inline Vec min(Vec a, Vec b) { return {_mm_min_epi32(a.v, b.v)}; }
inline Vec max(Vec a, Vec b) { return {_mm_max_epi32(a.v, b.v)}; }
template <int N> Vec shift_left(Vec a) { return {_mm_slli_epi32(a.v, N)}; }
template <int N> Vec shift_right(Vec a) { return {_mm_srai_epi32(a.v, N)}; }
inline Mask greater(Vec a, Vec b) { return _mm_cmpgt_epi32(a.v, b.v); }
inline Vec select(Mask m, Vec yes, Vec no) { return {_mm_blendv_epi8(no.v, yes.v, m)}; }
inline bool any(Mask m) { return _mm_movemask_epi8(m) != 0; }
inline Vec upper_halves(Vec low, Vec high) {
    return {_mm_blend_epi16(_mm_srli_epi32(low.v, 16), high.v, 0xAA)};
}
inline Vec add16(Vec a, Vec b) { return {_mm_add_epi16(a.v, b.v)}; }
inline Vec sub16(Vec a, Vec b) { return {_mm_sub_epi16(a.v, b.v)}; }
inline Vec abs16(Vec a) { return {_mm_abs_epi16(a.v)}; }
inline Vec sign16(Vec a) { return {_mm_srai_epi16(a.v, 15)}; }
inline Vec quarter16(Vec a) { return {_mm_srai_epi16(a.v, 2)}; }
inline Vec scale16(Vec a, Vec b) { return {_mm_mulhrs_epi16(a.v, b.v)}; }
inline Vec dot16(Vec a, Vec b) { return {_mm_madd_epi16(a.v, b.v)}; }
inline Vec add_dot16(Vec sum, Vec a, Vec b) { return sum + dot16(a, b); }
inline Vec unpack_low16(Vec a, Vec b) { return {_mm_unpacklo_epi16(a.v, b.v)}; }
inline Vec unpack_high16(Vec a, Vec b) { return {_mm_unpackhi_epi16(a.v, b.v)}; }
inline Vec pack16(Vec low, Vec high) { return {_mm_packs_epi32(low.v, high.v)}; }
template <int N> Vec multiply_shift(Vec a, Vec b) {
    const __m128i half = _mm_set1_epi64x(int64_t{1} << (N - 1));
    const __m128i even = _mm_add_epi64(_mm_mul_epi32(a.v, b.v), half);
    const __m128i odd = _mm_add_epi64(
        _mm_mul_epi32(_mm_srli_epi64(a.v, 32), _mm_srli_epi64(b.v, 32)), half);
    const __m128i low = _mm_srli_epi64(even, N);
    const __m128i high = _mm_slli_epi64(odd, 32 - N);
    return {_mm_blend_epi16(low, high, 0xCC)};
}

#elif defined(LIC_ISA_NEON)

struct Vec {
    static constexpr int kWidth = 4;
    int32x4_t v;
    static Vec load(const int32_t* p) { return {vld1q_s32(p)}; }
    static Vec load8(const int8_t* p) {
        const int32_t wide[4] = {p[0], p[1], p[2], p[3]};
        return load(wide);
    }
    static Vec load16(const int16_t* p) { return {vmovl_s16(vld1_s16(p))}; }
    static void load_pairs(const int32_t* p, Vec& first, Vec& second) {
        const int32x4x2_t both = vld2q_s32(p);
        first = {both.val[0]};
        second = {both.val[1]};
    }
    static Vec all(int32_t x) { return {vdupq_n_s32(x)}; }
    static Vec all16(int16_t x) { return {vreinterpretq_s32_s16(vdupq_n_s16(x))}; }
    void store(int32_t* p) const { vst1q_s32(p, v); }
    static Vec load_halves(const int16_t* p) { return {vreinterpretq_s32_s16(vld1q_s16(p))}; }
    void store_halves(int16_t* p) const { vst1q_s16(p, h()); }
    int16x8_t h() const { return vreinterpretq_s16_s32(v); }
};
using Mask = uint32x4_t;
inline Vec halves(int16x8_t h) { return {vreinterpretq_s32_s16(h)}; }
inline Vec operator+(Vec a, Vec b) { return {vaddq_s32(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {vsubq_s32(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {vmulq_s32(a.v, b.v)}; }
inline Vec operator^(Vec a, Vec b) { return {veorq_s32(a.v, b.v)}; }
inline Vec min(Vec a, Vec b) { return {vminq_s32(a.v, b.v)}; }
inline Vec max(Vec a, Vec b) { return {vmaxq_s32(a.v, b.v)}; }
template <int N> Vec shift_left(Vec a) { return {vshlq_n_s32(a.v, N)}; }
template <int N> Vec shift_right(Vec a) { return {vshrq_n_s32(a.v, N)}; }
inline Mask greater(Vec a, Vec b) { return vcgtq_s32(a.v, b.v); }
inline Vec select(Mask m, Vec yes, Vec no) { return {vbslq_s32(m, yes.v, no.v)}; }
inline bool any(Mask m) { return vmaxvq_u32(m) != 0; }
inline Vec upper_halves(Vec low, Vec high) { return halves(vtrn2q_s16(low.h(), high.h())); }
inline Vec add16(Vec a, Vec b) { return halves(vaddq_s16(a.h(), b.h())); }
inline Vec sub16(Vec a, Vec b) { return halves(vsubq_s16(a.h(), b.h())); }
inline Vec abs16(Vec a) { return halves(vabsq_s16(a.h())); }
inline Vec sign16(Vec a) { return halves(vshrq_n_s16(a.h(), 15)); }
inline Vec quarter16(Vec a) { return halves(vshrq_n_s16(a.h(), 2)); }
inline Vec scale16(Vec a, Vec b) { return halves(vqrdmulhq_s16(a.h(), b.h())); }
inline Vec dot16(Vec a, Vec b) {
    const int32x4_t low = vmull_s16(vget_low_s16(a.h()), vget_low_s16(b.h()));
    return {vpaddq_s32(low, vmull_high_s16(a.h(), b.h()))};
}
inline Vec add_dot16(Vec sum, Vec a, Vec b) { return sum + dot16(a, b); }
inline Vec unpack_low16(Vec a, Vec b) { return halves(vzip1q_s16(a.h(), b.h())); }
inline Vec unpack_high16(Vec a, Vec b) { return halves(vzip2q_s16(a.h(), b.h())); }
inline Vec pack16(Vec low, Vec high) {
    return halves(vcombine_s16(vqmovn_s32(low.v), vqmovn_s32(high.v)));
}
template <int N> Vec multiply_shift(Vec a, Vec b) {
    if constexpr (N == 31) return {vqrdmulhq_s32(a.v, b.v)};
    const int32x2_t low = vrshrn_n_s64(vmull_s32(vget_low_s32(a.v), vget_low_s32(b.v)), N);
    return {vcombine_s32(low, vrshrn_n_s64(vmull_high_s32(a.v, b.v), N))};
}

#else  // One number at a time, for every other machine; and what the others are compared with.

struct Vec {
    static constexpr int kWidth = 1;
    int32_t v;
    static Vec load(const int32_t* p) { return {*p}; }
    static Vec load8(const int8_t* p) { return {*p}; }
    static Vec load16(const int16_t* p) { return {*p}; }
    static void load_pairs(const int32_t* p, Vec& first, Vec& second) {
        first = {p[0]};
        second = {p[1]};
    }
    static Vec all(int32_t x) { return {x}; }
    static Vec all16(int16_t x) { return {static_cast<int32_t>(uint16_t(x) * 0x10001u)}; }
    void store(int32_t* p) const { *p = v; }
    static Vec load_halves(const int16_t* p) {
        Vec result;
        std::memcpy(&result.v, p, sizeof(result.v));
        return result;
    }
    void store_halves(int16_t* p) const { std::memcpy(p, &v, sizeof(v)); }
    uint32_t u() const { return static_cast<uint32_t>(v); }
    int32_t low() const { return static_cast<int16_t>(v & 0xFFFF); }
    int32_t high() const { return v >> 16; }
};
using Mask = bool;
inline Vec wrapped(uint32_t x) { return {static_cast<int32_t>(x)}; }
inline Vec halves(int32_t low, int32_t high) {
    return wrapped((static_cast<uint32_t>(low) & 0xFFFF) | static_cast<uint32_t>(high) << 16);
}
inline Vec operator+(Vec a, Vec b) { return wrapped(a.u() + b.u()); }
inline Vec operator-(Vec a, Vec b) { return wrapped(a.u() - b.u()); }
inline Vec operator*(Vec a, Vec b) { return wrapped(a.u() * b.u()); }
inline Vec operator^(Vec a, Vec b) { return {a.v ^ b.v}; }
inline Vec min(Vec a, Vec b) { return a.v < b.v ? a : b; }
inline Vec max(Vec a, Vec b) { return a.v > b.v ? a : b; }
template <int N> Vec shift_left(Vec a) { return wrapped(a.u() << N); }
template <int N> Vec shift_right(Vec a) { return {a.v >> N}; }
inline Mask greater(Vec a, Vec b) { return a.v > b.v; }
inline Vec select(Mask m, Vec yes, Vec no) { return m ? yes : no; }
inline bool any(Mask m) { return m; }
inline Vec upper_halves(Vec low, Vec high) { return halves(low.high(), high.high()); }
inline Vec add16(Vec a, Vec b) { return halves(a.low() + b.low(), a.high() + b.high()); }
inline Vec sub16(Vec a, Vec b) { return halves(a.low() - b.low(), a.high() - b.high()); }
inline int32_t magnitude(int32_t x) { return x < 0 ? -x : x; }
inline Vec abs16(Vec a) { return halves(magnitude(a.low()), magnitude(a.high())); }
inline Vec sign16(Vec a) { return halves(a.low() >> 15, a.high() >> 15); }
inline Vec quarter16(Vec a) { return halves(a.low() >> 2, a.high() >> 2); }
inline Vec scale16(Vec a, Vec b) {
    return halves((a.low() * b.low() + 0x4000) >> 15, (a.high() * b.high() + 0x4000) >> 15);
}
inline Vec dot16(Vec a, Vec b) {
    return wrapped(static_cast<uint32_t>(a.low() * b.low()) +
                   static_cast<uint32_t>(a.high() * b.high()));
}
inline Vec add_dot16(Vec sum, Vec a, Vec b) { return sum + dot16(a, b); }
inline Vec unpack_low16(Vec a, Vec b) { return halves(a.low(), b.low()); }
inline Vec unpack_high16(Vec a, Vec b) { return halves(a.high(), b.high()); }
inline int32_t saturated(int32_t x) { return x < -32768 ? -32768 : x > 32767 ? 32767 : x; }
inline Vec pack16(Vec low, Vec high) { return halves(saturated(low.v), saturated(high.v)); }
template <int N> Vec multiply_shift(Vec a, Vec b) {
    return {static_cast<int32_t>((int64_t{a.v} * b.v + (int64_t{1} << (N - 1))) >> N)};
}

#endif

// In 128 bits, unpacking and packing take this many 32-bit integers of each operand.
constexpr int kGroup = Vec::kWidth < 4 ? Vec::kWidth : 4;

// A pair of 16-bit numbers everywhere.
inline Vec all_pair(const int16_t* p) {
    int32_t pair;
    std::memcpy(&pair, p, sizeof(pair));
    return Vec::all(pair);
}

// Four bytes everywhere.
inline Vec all_four(const uint8_t* p) {
    int32_t four;
    std::memcpy(&four, p, sizeof(four));
    return Vec::all(four);
}

#if !defined(LIC_ISA_AVX512) && !defined(LIC_ISA_AVX2)
// Element i is a's element index[i].
inline Vec permute(Vec a, Vec index) {
    int32_t from[Vec::kWidth];
    int32_t at[Vec::kWidth];
    a.store(from);
    index.store(at);
    for (int i = 0; i < Vec::kWidth; ++i) at[i] = from[at[i]];
    return Vec::load(at);
}
#endif

}  // namespace
}  // namespace lic
