#include "coder_tables.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "checksums.hpp"

namespace lic::deployment {
namespace {

constexpr std::size_t kScales = 256;
constexpr double kLowestScale = 0.11, kHighestScale = 256;
constexpr double kUnits = 64;        // of a mean, in a symbol
constexpr double kErrorRange = 4.3;  // in scales
constexpr double kFlatFrom = 4.12;   // in scales
// Of the first four bytes, which are enough to notice another mathematics library.
constexpr std::array<uint8_t, 4> kDigest = {0x74, 0x0A, 0x77, 0x7B};

// Where the normal distribution's integral reaches a probability. The search for a symbol starts
// there, and ends at the same symbol wherever it starts: an error costs time alone.
double normal_quantile(double probability) {
    double low = -8, high = 8;
    for (int i = 0; i < 40; ++i) {
        const double middle = (low + high) / 2;
        (std::erfc(-middle / std::sqrt(2.0)) / 2 < probability ? low : high) = middle;
    }
    return low;
}

void add_bytes(std::vector<uint8_t>& bytes, const std::array<int32_t, kScales>& numbers) {
    for (const int32_t number : numbers) {
        for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(number >> 8 * i));
    }
}

}  // namespace

lic::Tables coder_tables() {
    std::array<int32_t, kScales> inverse, reach;
    const double ratio = std::log(kHighestScale / kLowestScale) / (kScales - 1);
    for (std::size_t i = 0; i < kScales; ++i) {
        const double scale = kLowestScale * std::exp(ratio * static_cast<double>(i));
        inverse[i] = static_cast<int32_t>(
            std::floor(std::ldexp(1, 31) / (kErrorRange * kUnits * scale) + 0.5));
        reach[i] = static_cast<int32_t>(std::ceil(kFlatFrom * kUnits * scale));
    }
    std::vector<uint8_t> bytes;
    add_bytes(bytes, inverse);
    add_bytes(bytes, reach);
    const auto digest = sha256(bytes);
    if (!std::equal(kDigest.begin(), kDigest.end(), digest.begin())) {
        throw Failure(LIC_ERROR, "the entropy coder's tables differ on this machine");
    }
    std::array<int32_t, 512> quantile;
    for (std::size_t i = 0; i < quantile.size(); ++i) {
        const double probability = (static_cast<double>(i) + 0.5) / quantile.size();
        quantile[i] =
            static_cast<int32_t>(std::floor(normal_quantile(probability) / kFlatFrom * 4096 + 0.5));
    }
    return lic::Tables(inverse.data(), reach.data(), quantile.data());
}

}  // namespace lic::deployment
