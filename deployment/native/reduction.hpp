// Pictures scaled down by averages, to the pixels of Pillow's `Image.reduce`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lic::deployment {

// Samples of 8 bits (height, width, channels); the last of 2 or 4 channels is alpha.
struct Samples {
    std::size_t height, width, channels;
    std::vector<uint8_t> samples;
};

// Writes the means of cells of factor x factor pixels, at most 64, cut off at the right and lower
// edge, and weighted by alpha.
void reduce(Samples picture, std::size_t factor, uint8_t* pixels, std::size_t stride);

}  // namespace lic::deployment
