// The file format: a fixed header, boxes, a checksum. Nothing here decodes pictures.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "failure.hpp"

namespace lic::deployment {

constexpr uint64_t kTileUnit = 64;

// Rounded up to whole units of 64.
constexpr uint64_t padded(uint64_t size) { return (size + kTileUnit - 1) / kTileUnit * kTileUnit; }

struct Header {
    uint32_t width;
    uint32_t height;
    uint32_t quality;
    uint32_t skip_below;  // latents whose scale indices are all below it are not coded
    uint32_t tile;        // a tile's side in units of 64 pixels

    uint64_t tile_columns() const { return (width + tile * kTileUnit - 1) / (tile * kTileUnit); }
    uint64_t tile_rows() const { return (height + tile * kTileUnit - 1) / (tile * kTileUnit); }
    uint64_t tiles() const { return tile_columns() * tile_rows(); }
};

// A whole file; its parts are views of the bytes that it was read from.
struct Container {
    Header header;
    std::string weights_id;
    std::array<uint8_t, 4> weights_digest;
    std::optional<Bytes> alpha;
    std::map<char, Bytes> ancillary;
    std::vector<Bytes> streams;  // of the tiles; empty where the network codes nothing
    std::vector<Bytes> layers;   // of the tiles; empty where there is no residual layer
};

// Reads and verifies a file in the order that FORMAT.md gives, so that the first error decides.
Container read_container(Bytes file, uint64_t max_pixels);

}  // namespace lic::deployment
