// A tile's pixels with a border, so that the neighbours of each pixel can be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lic::residual {

using Colour = uint32_t;  // R | G << 8 | B << 16

inline int channel(Colour colour, int c) {
    return static_cast<int>(colour >> (8 * c) & 255);
}

inline Colour colour_of(int r, int g, int b) {
    return static_cast<Colour>(r) | static_cast<Colour>(g) << 8 | static_cast<Colour>(b) << 16;
}

class Image {
   public:
    static constexpr int kBorder = 16;

    // Of (height, width, 3) bytes; the border is black.
    Image(const uint8_t* rgb, int height, int width)
        : height(height), width(width), stride(width + 2 * kBorder),
          pixels_(static_cast<std::size_t>(stride) * (height + kBorder)) {
        for (int y = 0; y < height; ++y)
            for (int x = 0; x < width; ++x, rgb += 3)
                at(x, y)[0] = colour_of(rgb[0], rgb[1], rgb[2]);
    }

    Colour* at(int x, int y) {
        return pixels_.data() + static_cast<std::ptrdiff_t>(y + kBorder) * stride + x + kBorder;
    }
    const Colour* at(int x, int y) const { return const_cast<Image*>(this)->at(x, y); }

    void to_bytes(uint8_t* rgb) const {
        for (int y = 0; y < height; ++y)
            for (int x = 0; x < width; ++x)
                for (int c = 0; c < 3; ++c) *rgb++ = static_cast<uint8_t>(channel(at(x, y)[0], c));
    }

    const int height, width, stride;

   private:
    std::vector<Colour> pixels_;
};

inline int squared_difference(Colour a, Colour b) {
    int sum = 0;
    for (int c = 0; c < 3; ++c) {
        const int d = channel(a, c) - channel(b, c);
        sum += d * d;
    }
    return sum;
}

inline int largest_difference(Colour a, Colour b) {
    int largest = 0;
    for (int c = 0; c < 3; ++c) {
        const int d = channel(a, c) - channel(b, c);
        largest = d > largest ? d : -d > largest ? -d : largest;
    }
    return largest;
}

}  // namespace lic::residual
