// Fuzzing the decoder: whatever the bytes are, it returns symbols or throws CorruptStream, reads
// within bounds, and all instruction sets agree; what it accepts, the encoder writes again.
//
// The input's first bytes choose the parameters, the rest is the stream:
//     byte 0   components - 1 (low 2 bits), kind of calls (next 2 bits)
//     byte 1   symbols a call, times 3
//     bytes 2-3   seed of the parameters
#include <cmath>
#include <random>
#include <vector>

#include "check.hpp"
#include "decoder.hpp"
#include "driver.hpp"
#include "encoder.hpp"

namespace {

using namespace lic;
using fuzz::Bytes;
using fuzz::require;

// The format's tables by the formulas of tables.py. QUANTILE is only a hint: a poor one, here.
const Tables& tables() {
    static const Tables all = [] {
        int32_t inverse[256];
        int32_t reach[256];
        int32_t quantile[512];
        for (int i = 0; i < 256; ++i) {
            const double scale = 0.11 * std::exp(i * std::log(256 / 0.11) / 255);
            inverse[i] = static_cast<int32_t>(2147483648.0 / (4.3 * 64 * scale) + 0.5);
            reach[i] = static_cast<int32_t>(std::ceil(4.12 * 64 * scale));
        }
        for (int i = 0; i < 512; ++i) quantile[i] = (2 * i - 511) * 4;
        return Tables(inverse, reach, quantile);
    }();
    return all;
}

struct Case {
    std::vector<int8_t> logits;
    std::vector<int16_t> means;
    std::vector<uint8_t> scales;
    std::vector<int32_t> channels;
    std::size_t components = 1;
    std::size_t count = 0;
    int kind = 0;

    Case(const uint8_t* data) {
        components = 1 + (data[0] & 3);
        kind = data[0] >> 2 & 3;
        count = std::size_t{3} * data[1];
        uint32_t state = data[2] | static_cast<uint32_t>(data[3]) << 8;
        const auto draw = [&state] { return (state = state * 1664525u + 1013904223u) >> 16; };
        for (std::size_t i = 0; i < components * count; ++i) {
            logits.push_back(static_cast<int8_t>(draw()));
            // Narrow and wide means and scales, in turns.
            const bool wild = (state >> 28) == 0;
            means.push_back(static_cast<int16_t>(wild ? draw() : draw() % 640 - 320));
            scales.push_back(static_cast<uint8_t>(wild ? draw() : draw() % 160));
        }
        for (std::size_t i = 0; i < count; ++i) channels.push_back(static_cast<int32_t>(draw() % 3));
    }

    MixtureArrays mixture() const {
        return {logits.data(), means.data(), scales.data(), components, count};
    }

    static FactorizedArrays factorized() {
        static const uint32_t counts[3 * 6] = {0, 1,     65535, 65536, 65536, 65536,
                                               0, 10,    20000, 40000, 65000, 65536,
                                               0, 32768, 65536, 65536, 65536, 65536};
        static const int32_t lows[3] = {-1, INT32_MAX - 4, INT32_MIN};
        static const int32_t lengths[3] = {3, 5, 2};
        return {counts, lows, lengths, 6};
    }

    // The calls: mixtures if the kind's first bit is clear, tables if its second bit is set, and
    // both if neither says so.
    bool first() const { return kind != 2; }
    bool second() const { return kind >= 2; }
};

struct Outcome {
    bool accepted = false;
    std::vector<int32_t> symbols;
    bool operator==(const Outcome&) const = default;
};

Outcome decode(const Case& one, const Kernels& kernels, const uint8_t* data, std::size_t size,
               std::size_t threads) {
    Outcome outcome;
    std::vector<int32_t> symbols(2 * one.count);
    CheckValue check(kernels);
    try {
        Decoder decoder(tables(), kernels, data, size, threads);
        if (one.first()) {
            decoder.get_mixture(one.mixture(), symbols.data());
            check.add(symbols.data(), one.count);
        }
        if (one.second()) {
            decoder.get_factorized(one.channels.data(), one.count, Case::factorized(),
                                   symbols.data() + one.count);
            check.add(symbols.data() + one.count, one.count);
        }
        decoder.finish(check.value());
    } catch (const CorruptStream&) {
        return outcome;
    }
    outcome.accepted = true;
    outcome.symbols = symbols;
    return outcome;
}

std::vector<uint8_t> encode(const Case& one, const Kernels& kernels,
                            const std::vector<int32_t>& symbols, int lanes_log, int chunks_log) {
    Encoder encoder(tables(), kernels);
    CheckValue check(kernels);
    if (one.first()) {
        encoder.put_mixture(symbols.data(), one.mixture());
        check.add(symbols.data(), one.count);
    }
    if (one.second()) {
        encoder.put_factorized(symbols.data() + one.count, one.channels.data(), one.count,
                               Case::factorized());
        check.add(symbols.data() + one.count, one.count);
    }
    return encoder.finish(lanes_log, chunks_log, check.value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    if (size < 4) return 0;
    const Case one(data);
    // A copy of the exact size, so that the sanitizer sees what reads beyond it.
    const std::vector<uint8_t> stream(data + 4, data + size);
    std::size_t count = 0;
    const char* const* names = available_kernels(&count);
    const Outcome expected =
        decode(one, *find_kernels("scalar"), stream.data(), stream.size(), 1);
    for (std::size_t i = 0; i < count; ++i) {
        const Kernels& kernels = *find_kernels(names[i]);
        require(decode(one, kernels, stream.data(), stream.size(), 1 + i % 2) == expected,
                "instruction sets disagree");
        if (expected.accepted) {
            require(encode(one, kernels, expected.symbols, stream[0] & 15, stream[0] >> 4) == stream,
                    "what was accepted is not what the encoder writes");
        }
    }
    return 0;
}

#if !defined(LIC_LIBFUZZER)

namespace {

// A valid input with symbols that now and then are escapes.
Bytes valid(std::mt19937& random) {
    Bytes input{static_cast<uint8_t>(random() & 15), static_cast<uint8_t>(random() % 120),
                static_cast<uint8_t>(random()), static_cast<uint8_t>(random())};
    const Case one(input.data());
    std::vector<int32_t> symbols(2 * one.count);
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        if (i >= one.count && !one.second()) break;
        if (i < one.count && !one.first()) continue;
        const auto noise = static_cast<int32_t>(random() % 7) - 3;
        symbols[i] = random() % 50 == 0 ? static_cast<int32_t>(random())
                     : i < one.count    ? one.means[i] / 64 + noise
                                        : noise;
    }
    const Bytes stream = encode(one, *find_kernels("scalar"), symbols, static_cast<int>(random() % 7),
                                random() % 3 == 0 ? static_cast<int>(random() % 5) : 0);
    input.insert(input.end(), stream.begin(), stream.end());
    return input;
}

}  // namespace

int main(int count, char** arguments) { return fuzz::drive(count, arguments, valid); }

#endif
