#include "checksums.hpp"

#include <algorithm>
#include <bit>

namespace lic::deployment {
namespace {

struct CrcTable {
    std::array<uint32_t, 256> entries;

    constexpr CrcTable() : entries{} {
        for (uint32_t i = 0; i < 256; ++i) {
            uint32_t x = i;
            for (int bit = 0; bit < 8; ++bit) x = x >> 1 ^ (x & 1 ? 0xEDB88320u : 0);
            entries[i] = x;
        }
    }
};

constexpr CrcTable kCrc;

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
constexpr std::array<uint32_t, 64> kRounds = {
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
};

using Sha256State = std::array<uint32_t, 8>;

void add_block(const uint8_t* block, Sha256State& state) {
    std::array<uint32_t, 64> w;
    for (std::size_t i = 0; i < 16; ++i, block += 4) {
        w[i] = uint32_t{block[0]} << 24 | uint32_t{block[1]} << 16 | uint32_t{block[2]} << 8 |
               block[3];
    }
    for (std::size_t i = 16; i < 64; ++i) {
        const uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) +
               (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t i = 0; i < 64; ++i) {
        const uint32_t first = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                               ((e & f) ^ (~e & g)) + kRounds[i] + w[i];
        const uint32_t second = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) +
                                ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
    }
    const Sha256State more = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < state.size(); ++i) state[i] += more[i];
}

}  // namespace

uint32_t crc32(Bytes data) {
    uint32_t x = 0xFFFFFFFF;
    for (const uint8_t byte : data) x = x >> 8 ^ kCrc.entries[(x ^ byte) & 255];
    return ~x;
}

uint32_t adler32(Bytes data) {
    constexpr uint32_t kModulus = 65521;
    constexpr std::size_t kRun = 5552;  // after which the second sum could overflow
    uint32_t a = 1, b = 0;
    for (std::size_t at = 0; at < data.size(); at += kRun) {
        for (const uint8_t byte : data.subspan(at, std::min(kRun, data.size() - at))) {
            a += byte;
            b += a;
        }
        a %= kModulus;
        b %= kModulus;
    }
    return b << 16 | a;
}

std::array<uint8_t, 32> sha256(Bytes data) {
    Sha256State state = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                         0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
    const std::size_t whole = data.size() / 64 * 64;
    for (std::size_t at = 0; at < whole; at += 64) add_block(data.data() + at, state);
    // The rest, a bit, zeros and the length in bits, in one block or two.
    std::array<uint8_t, 128> end{};
    const std::size_t rest = data.size() - whole;
    std::copy_n(data.data() + whole, rest, end.begin());
    end[rest] = 0x80;
    const std::size_t size = rest < 56 ? 64 : 128;
    for (std::size_t i = 0; i < 8; ++i) {
        end[size - 1 - i] = static_cast<uint8_t>(uint64_t{data.size()} * 8 >> 8 * i);
    }
    for (std::size_t at = 0; at < size; at += 64) add_block(end.data() + at, state);
    std::array<uint8_t, 32> digest;
    for (std::size_t i = 0; i < digest.size(); ++i) {
        digest[i] = static_cast<uint8_t>(state[i / 4] >> (24 - i % 4 * 8));
    }
    return digest;
}

}  // namespace lic::deployment
