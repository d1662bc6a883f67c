// The way from a file's tiles to pixels: codec/FORMAT.md, "Pixels".
#pragma once

#include <algorithm>
#include <functional>

#include "container.hpp"
#include "network.hpp"

namespace lic::deployment {

// A rectangle, in pixels or in latents; ends are exclusive.
struct Region {
    std::size_t top, left, bottom, right;

    std::size_t height() const { return bottom - top; }
    std::size_t width() const { return right - left; }

    // What two that overlap have in common.
    Region common(const Region& other) const {
        return {std::max(top, other.top), std::max(left, other.left),
                std::min(bottom, other.bottom), std::min(right, other.right)};
    }
};

// Calls show(shown, pixels) with RGB pixels (height, width, 3) that together cover a region of the
// picture, tile by tile, and may go beyond it. The network may be null if no tile has a stream of
// it. Throws Failure.
void decode_tiles(const Container& container, const Network* network, const Region& region,
                  std::size_t threads,
                  const std::function<void(const Region&, const uint8_t*)>& show);

}  // namespace lic::deployment
