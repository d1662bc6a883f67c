#include "reduction.hpp"

#include <algorithm>
#include <array>

namespace lic::deployment {
namespace {

// Rounded to the nearest.
uint8_t times(uint32_t sample, uint32_t alpha) {
    const uint32_t product = sample * alpha + 128;
    return static_cast<uint8_t>((product + (product >> 8)) >> 8);
}

// Colours times alpha.
void premultiply(Samples& picture) {
    const std::size_t alpha = picture.channels - 1;
    for (std::size_t i = 0; i < picture.samples.size(); i += picture.channels) {
        uint8_t* pixel = picture.samples.data() + i;
        for (std::size_t c = 0; c < alpha; ++c) pixel[c] = times(pixel[c], pixel[alpha]);
    }
}

// The inverse, rounded down; the colours of what is invisible stay.
void divide(uint8_t* pixel, std::size_t channels) {
    const uint32_t alpha = pixel[channels - 1];
    if (alpha == 0) return;
    for (std::size_t c = 0; c + 1 < channels; ++c) {
        pixel[c] = static_cast<uint8_t>(std::min<uint32_t>(255u * pixel[c] / alpha, 255));
    }
}

}  // namespace

void reduce(Samples picture, std::size_t factor, uint8_t* pixels, std::size_t stride) {
    const std::size_t channels = picture.channels;
    const bool transparent = channels % 2 == 0;
    if (transparent) premultiply(picture);
    for (std::size_t top = 0; top < picture.height; top += factor, pixels += stride) {
        const std::size_t bottom = std::min(top + factor, picture.height);
        uint8_t* to = pixels;
        for (std::size_t left = 0; left < picture.width; left += factor, to += channels) {
            const std::size_t right = std::min(left + factor, picture.width);
            std::array<uint32_t, 4> sums{};
            for (std::size_t y = top; y < bottom; ++y) {
                const uint8_t* from =
                    picture.samples.data() + (y * picture.width + left) * channels;
                for (std::size_t x = left; x < right; ++x) {
                    for (std::size_t c = 0; c < channels; ++c) sums[c] += *from++;
                }
            }
            const auto count = static_cast<uint32_t>((bottom - top) * (right - left));
            // 2^24 / count in single precision, as Pillow has it.
            const auto factor_24 =
                static_cast<uint32_t>(4294967296.0f / static_cast<float>(256 * count));
            for (std::size_t c = 0; c < channels; ++c) {
                to[c] = static_cast<uint8_t>(((sums[c] + count / 2) * factor_24) >> 24);
            }
            if (transparent) divide(to, channels);
        }
    }
}

}  // namespace lic::deployment
