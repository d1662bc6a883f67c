// Fuzzing the decoder: whatever the bytes are, it returns symbols or throws CorruptStream, reads
// within bounds, and all instruction sets agree; what it accepts, the encoder writes again.
//
// The input's first bytes choose the parameters, the rest is the stream:
//     byte 0   components - 1 (low 2 bits), kind of calls (next 2 bits)
//     byte 1   symbols a call, times 3
//     bytes 2-3   seed of the parameters
//
// With clang, -fsanitize=fuzzer,address,undefined -DLIC_LIBFUZZER makes it a libFuzzer target.
// Without, it has a main() that mutates a corpus by itself for some seconds:
//     fuzz_decoder SECONDS SEED CORPUS...      and with SECONDS 0 runs each file once.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "decoder.hpp"
#include "encoder.hpp"

namespace {

using namespace lic;

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

void require(bool condition, const char* message) {
    if (condition) return;
    std::fprintf(stderr, "%s\n", message);
    std::abort();
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

using Bytes = std::vector<uint8_t>;

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

void mutate(Bytes& input, std::mt19937& random) {
    for (int rounds = 1 + static_cast<int>(random() % 4); rounds > 0; --rounds) {
        if (input.empty()) return input.push_back(static_cast<uint8_t>(random()));
        const std::size_t at = random() % input.size();
        const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
        switch (random() % 8) {
            case 0: *place ^= static_cast<uint8_t>(1u << random() % 8); break;
            case 1: *place = static_cast<uint8_t>(random()); break;
            case 2: *place = random() % 2 ? 0 : 255; break;
            case 3: input.resize(at); break;
            case 4: input.insert(place, 1 + random() % 9, static_cast<uint8_t>(random())); break;
            case 5: input.erase(place); break;
            case 6: input[std::min<std::size_t>(random() % 12, input.size() - 1)] =
                        static_cast<uint8_t>(random()); break;
            default: std::fill(place, std::min(place + 8, input.end()), uint8_t{255}); break;
        }
    }
    if (input.size() > 65536) input.resize(65536);
}

Bytes read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 3) return std::fprintf(stderr, "fuzz_decoder SECONDS SEED CORPUS...\n"), 2;
    const double seconds = std::atof(arguments[1]);
    std::mt19937 random(static_cast<uint32_t>(std::atoll(arguments[2])));
    std::vector<Bytes> corpus;
    for (int i = 3; i < count; ++i) {
        const std::filesystem::path path(arguments[i]);
        if (std::filesystem::is_directory(path)) {
            for (const auto& entry : std::filesystem::directory_iterator(path)) {
                corpus.push_back(read(entry.path()));
            }
        } else {
            corpus.push_back(read(path));
        }
    }
    for (const Bytes& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
    std::size_t runs = 0;
    const auto begin = std::chrono::steady_clock::now();
    const auto passed = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    for (; passed() < seconds; ++runs) {
        Bytes input = corpus.empty() || random() % 4 == 0 ? valid(random)
                                                          : corpus[random() % corpus.size()];
        if (random() % 8 != 0) mutate(input, random);
        // What fails is left behind: the sanitizers end the process.
        if (const char* path = std::getenv("LIC_FUZZ_LAST")) {
            std::ofstream(path, std::ios::binary)
                .write(reinterpret_cast<const char*>(input.data()),
                       static_cast<std::streamsize>(input.size()));
        }
        LLVMFuzzerTestOneInput(input.data(), input.size());
    }
    std::printf("%zu files, %zu mutated inputs in %.0f s: no fault\n", corpus.size(), runs, passed());
    return 0;
}

#endif
