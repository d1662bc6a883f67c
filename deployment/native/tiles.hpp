// The way from a file's tiles to pixels: codec/FORMAT.md, "Pixels".
#pragma once

#include <functional>

#include "container.hpp"
#include "network.hpp"

namespace lic::deployment {

// A rectangle, in pixels or in latents; ends are exclusive.
struct Region {
    std::size_t top, left, bottom, right;

    std::size_t height() const { return bottom - top; }
    std::size_t width() const { return right - left; }
};

// Calls show(region, pixels) with the RGB pixels (height, width, 3) of all tiles, row by row. The
// network may be null if no tile has a stream of it. Throws Failure.
void decode_tiles(const Container& container, const Network* network, std::size_t threads,
                  const std::function<void(const Region&, const uint8_t*)>& show);

}  // namespace lic::deployment
