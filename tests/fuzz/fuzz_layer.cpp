// Fuzzing the residual layer: whatever the bytes are, a tile decodes or std::invalid_argument is
// thrown, within bounds.
//
// The input's first bytes are height - 1 and width - 1 (low 6 bits) and, in its lowest bit, whether
// there is a base; the rest is the stream.
#include <random>
#include <stdexcept>
#include <vector>

#include "driver.hpp"
#include "tile.hpp"

namespace {

using namespace lic::residual;
using lic::fuzz::Bytes;

Bytes base_of(int height, int width) {
    Bytes base(static_cast<std::size_t>(height) * width * 3);
    for (std::size_t i = 0; i < base.size(); ++i) base[i] = static_cast<uint8_t>(i * 7 >> 2);
    return base;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    if (size < 3) return 0;
    const int height = 1 + (data[0] & 63), width = 1 + (data[1] & 63);
    const Bytes stream(data + 3, data + size), base = base_of(height, width);
    Bytes decoded(base.size());
    try {
        decode_tile(stream.data(), stream.size(), data[2] & 1 ? base.data() : nullptr, height,
                    width, decoded.data());
    } catch (const std::invalid_argument&) {
    }
    return 0;
}

#if !defined(LIC_LIBFUZZER)

namespace {

Bytes valid(std::mt19937& random) {
    Bytes input{static_cast<uint8_t>(random() & 63), static_cast<uint8_t>(random() & 63),
                static_cast<uint8_t>(random() & 1)};
    const int height = 1 + input[0], width = 1 + input[1];
    const Bytes base = base_of(height, width);
    Bytes source = base, decoded(base.size());
    const uint32_t spread = 1u << random() % 9;
    for (uint8_t& sample : source) sample = static_cast<uint8_t>(sample + random() % spread);
    const Request request = random() % 2 ? Request{64, 1, 40.0, 255} : Request{1, 0, 0.0, 0};
    const Coded coded = encode_tile({source.data(), height, width},
                                    input[2] ? base.data() : nullptr, request, decoded.data());
    input.insert(input.end(), coded.bytes.begin(), coded.bytes.end());
    return input;
}

}  // namespace

int main(int count, char** arguments) { return lic::fuzz::drive(count, arguments, valid); }

#endif
