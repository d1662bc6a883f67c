#include "tiles.hpp"

#include <algorithm>
#include <cstring>

#include "../../residual_coding/native/tile.hpp"
#include "checksums.hpp"
#include "latents.hpp"

namespace lic::deployment {
namespace {

constexpr std::size_t kLayerCheckBytes = 3;

// A tile of the padded picture, in pixels.
Region tile_region(const Header& header, std::size_t tile) {
    const std::size_t side = header.tile * kTileUnit;
    const auto columns = static_cast<std::size_t>(header.tile_columns());
    const std::size_t top = tile / columns * side, left = tile % columns * side;
    return {top, left, std::min<std::size_t>(top + side, padded(header.height)),
            std::min<std::size_t>(left + side, padded(header.width))};
}

// Calls function(tile) for the tiles that a region of the padded picture lies in.
template <class Function>
void for_tiles(const Header& header, const Region& region, Function function) {
    const std::size_t side = header.tile * kTileUnit;
    const auto columns = static_cast<std::size_t>(header.tile_columns());
    for (std::size_t row = region.top / side; row * side < region.bottom; ++row) {
        for (std::size_t column = region.left / side; column * side < region.right; ++column) {
            function(row * columns + column);
        }
    }
}

// The latents of the whole padded picture, and what they show; zeros where a tile has no stream.
class Synthesis {
public:
    Synthesis(const Network& network, const Header& header)
        : network_(network), quality_(header.quality),
          rows_(padded(header.height) / kLatentStride),
          columns_(padded(header.width) / kLatentStride),
          latents_(checked_size(rows_, columns_, network.latents())) {}

    // The latents (rows, columns, M) of a tile.
    void put(const Region& tile, const std::vector<int16_t>& latents) {
        const std::size_t row_size = tile.width() / kLatentStride * network_.latents();
        const int16_t* from = latents.data();
        for (std::size_t row = tile.top / kLatentStride; row < tile.bottom / kLatentStride; ++row) {
            std::copy_n(from, row_size, at(row, tile.left / kLatentStride));
            from += row_size;
        }
    }

    // The latents that influence a region, which is in pixels.
    Region seen(const Region& region) const {
        const std::size_t halo = network_.halo;
        const auto before = [&](std::size_t x) {
            return x / kLatentStride - std::min(x / kLatentStride, halo);
        };
        const auto after = [&](std::size_t x, std::size_t end) {
            return std::min((x + kLatentStride - 1) / kLatentStride + halo, end);
        };
        return {before(region.top), before(region.left), after(region.bottom, rows_),
                after(region.right, columns_)};
    }

    // The pixels (height, width, 3) of a region.
    std::vector<uint8_t> pixels(const Region& region, std::size_t threads) {
        const Region seen = this->seen(region);
        const std::size_t row_size = seen.width() * network_.latents();
        std::vector<int16_t> part(seen.height() * row_size);
        for (std::size_t row = 0; row < seen.height(); ++row) {
            std::copy_n(at(seen.top + row, seen.left), row_size, part.data() + row * row_size);
        }
        const std::vector<int16_t> shown = network_.synthesis.run(
            {part.data()}, seen.height(), seen.width(), quality_, threads);
        const std::size_t top = region.top - seen.top * kLatentStride;
        const std::size_t left = region.left - seen.left * kLatentStride;
        std::vector<uint8_t> result;
        result.reserve(region.height() * region.width() * 3);
        for (std::size_t row = 0; row < region.height(); ++row) {
            const int16_t* from =
                shown.data() + ((top + row) * seen.width() * kLatentStride + left) * 3;
            for (std::size_t i = 0; i < region.width() * 3; ++i) {
                result.push_back(static_cast<uint8_t>(from[i]));
            }
        }
        return result;
    }

private:
    int16_t* at(std::size_t row, std::size_t column) {
        return latents_.data() + (row * columns_ + column) * network_.latents();
    }

    const Network& network_;
    int64_t quality_;
    std::size_t rows_, columns_;
    std::vector<int16_t> latents_;
};

[[noreturn]] void damaged_layer(const std::string& what) {
    throw Failure(LIC_CORRUPT, "the picture's data does not decode: " + what);
}

// The pixels of a tile with a layer, on top of the network's, which are empty if it has none.
std::vector<uint8_t> corrected(Bytes layer, const std::vector<uint8_t>& base,
                               const Region& region) {
    std::vector<uint8_t> pixels(checked_size(region.height(), region.width(), 3));
    const std::size_t end = layer.size() - std::min(layer.size(), kLayerCheckBytes);
    try {
        residual::decode_tile(layer.data(), end, base.empty() ? nullptr : base.data(),
                              static_cast<int>(region.height()), static_cast<int>(region.width()),
                              pixels.data());
    } catch (const std::invalid_argument& error) {
        damaged_layer(error.what());
    }
    const uint32_t sum = crc32(pixels);
    bool fits = layer.size() - end == kLayerCheckBytes;
    for (std::size_t i = 0; fits && i < kLayerCheckBytes; ++i) {
        fits = layer[end + i] == static_cast<uint8_t>(sum >> 8 * i);
    }
    if (!fits) damaged_layer("the pixels are not those that were coded");
    return pixels;
}

}  // namespace

void decode_tiles(const Container& container, const Network* network, const Region& region,
                  std::size_t threads,
                  const std::function<void(const Region&, const uint8_t*)>& show) {
    const Header& header = container.header;
    const Region picture = {0, 0, header.height, header.width};
    // What is shown of a tile: a layer does not decode in part.
    const auto part = [&](std::size_t tile) {
        return tile_region(header, tile)
            .common(container.layers[tile].empty() ? region : picture);
    };
    std::optional<Synthesis> synthesis;
    std::vector<bool> needed(container.streams.size());
    for_tiles(header, region, [&](std::size_t tile) {
        if (container.streams[tile].empty()) return;
        if (!synthesis) synthesis.emplace(*network, header);
        const Region latents = synthesis->seen(part(tile));
        const Region seen = {latents.top * kLatentStride, latents.left * kLatentStride,
                             latents.bottom * kLatentStride, latents.right * kLatentStride};
        for_tiles(header, seen, [&](std::size_t other) { needed[other] = true; });
    });
    for (std::size_t tile = 0; tile < needed.size(); ++tile) {
        if (!needed[tile] || container.streams[tile].empty()) continue;
        const Region place = tile_region(header, tile);
        synthesis->put(place, decode_latents(*network, container.streams[tile],
                                             place.height() / kLatentStride,
                                             place.width() / kLatentStride, header, threads));
    }
    for_tiles(header, region, [&](std::size_t tile) {
        const Region shown = part(tile);
        std::vector<uint8_t> pixels;
        if (!container.streams[tile].empty()) pixels = synthesis->pixels(shown, threads);
        if (!container.layers[tile].empty()) {
            pixels = corrected(container.layers[tile], pixels, shown);
        }
        show(shown, pixels.data());
    });
}

}  // namespace lic::deployment
