// Unit tests of the native core that need no Python, to run under sanitizers.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "check.hpp"
#include "decoder.hpp"
#include "encoder.hpp"

using namespace lic;

namespace {

int failures = 0;

void expect(bool condition, const char* sentence) {
    if (condition) return;
    ++failures;
    std::printf("FAILED: %s\n", sentence);
}

struct Random {
    uint64_t state = 1;
    uint32_t operator()(uint32_t limit) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<uint32_t>((state >> 33) * limit >> 31);
    }
};

Tables make_tables() {
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
}

const Tables kTables = make_tables();

struct Workload {
    std::vector<int8_t> logits;
    std::vector<int16_t> means;
    std::vector<uint8_t> scales;
    std::vector<int32_t> symbols;
    std::size_t components;

    Workload(std::size_t components, std::size_t count, bool wild) : components(components) {
        Random draw;
        for (std::size_t i = 0; i < components * count; ++i) {
            logits.push_back(static_cast<int8_t>(static_cast<int>(draw(256)) - 128));
            means.push_back(static_cast<int16_t>(wild ? static_cast<int>(draw(65536)) - 32768
                                                      : static_cast<int>(draw(640)) - 320));
            scales.push_back(static_cast<uint8_t>(draw(wild ? 256 : 160)));
        }
        for (std::size_t i = 0; i < count; ++i) {
            symbols.push_back(draw(60) == 0 ? static_cast<int32_t>(draw(1u << 31)) - (1 << 30)
                                            : means[i] / 64 + static_cast<int32_t>(draw(7)) - 3);
        }
    }

    MixtureArrays arrays() const {
        return {logits.data(), means.data(), scales.data(), components, symbols.size()};
    }
};

std::vector<uint8_t> encode(const Workload& one, const Kernels& kernels, int lanes, int chunks) {
    Encoder encoder(kTables, kernels);
    encoder.put_mixture(one.symbols.data(), one.arrays());
    CheckValue check(kernels);
    check.add(one.symbols.data(), one.symbols.size());
    return encoder.finish(lanes, chunks, check.value());
}

// Whether the stream decodes without an error, and to the symbols.
bool decodes(const Workload& one, const Kernels& kernels, const std::vector<uint8_t>& stream) {
    std::vector<int32_t> symbols(one.symbols.size());
    try {
        // A copy of the exact size: reads beyond it are seen.
        const std::vector<uint8_t> copy(stream);
        Decoder decoder(kTables, kernels, copy.data(), copy.size(), 3);
        decoder.get_mixture(one.arrays(), symbols.data());
        CheckValue check(kernels);
        check.add(symbols.data(), symbols.size());
        decoder.finish(check.value());
    } catch (const CorruptStream&) {
        return false;
    }
    return symbols == one.symbols;
}

}  // namespace

int main() {
    std::size_t count = 0;
    const char* const* names = available_kernels(&count);
    expect(find_kernels("mmx") == nullptr, "unknown instruction sets are not found");
    for (const std::size_t size : {0, 1, 15, 16, 17, 255, 256, 257, 1300}) {
        for (std::size_t components = 1; components <= 4; ++components) {
            const Workload one(components, size, size % 2 == 1);
            for (const auto& [lanes, chunks] : {std::pair{0, 0}, {2, 0}, {4, 0}, {6, 0}, {4, 2}}) {
                const auto stream = encode(one, *find_kernels("scalar"), lanes, chunks);
                for (std::size_t i = 0; i < count; ++i) {
                    const Kernels& kernels = *find_kernels(names[i]);
                    expect(encode(one, kernels, lanes, chunks) == stream,
                           "all instruction sets write the same bytes");
                    expect(decodes(one, kernels, stream), "all instruction sets read the stream");
                }
            }
        }
    }
    const Workload one(3, 300, false);
    for (std::size_t i = 0; i < count; ++i) {
        const Kernels& kernels = *find_kernels(names[i]);
        const auto stream = encode(one, kernels, 4, 1);
        for (std::size_t length = 0; length < stream.size(); ++length) {
            const std::vector<uint8_t> cut(stream.begin(),
                                           stream.begin() + static_cast<std::ptrdiff_t>(length));
            expect(!decodes(one, kernels, cut), "truncated streams are refused");
        }
        for (std::size_t bit = 0; bit < 8 * stream.size(); bit += 3) {
            auto flipped = stream;
            flipped[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
            expect(!decodes(one, kernels, flipped), "flipped bits are noticed");
        }
        for (const uint8_t value : {0x00, 0x04, 0x14, 0x46, 0xFF}) {
            expect(!decodes(one, kernels, std::vector<uint8_t>(6000, value)),
                   "constant bytes are refused");
        }
    }
    std::printf("%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
