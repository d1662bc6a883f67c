// A tile of the residual layer: its parameters, its bytes, and the pixels that they give.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace lic::residual {

struct Picture {
    const uint8_t* rgb;  // (height, width, 3)
    int height;
    int width;
};

// What an encoder is asked for.
struct Request {
    int step;       // of the transform's levels, in 1/16 of a sample's unit, 1 to 65535
    int bound;      // of differences of pixels coded one by one, 0 to 127
    double lambda;  // squared error that a bit is worth; 0 for no loss beyond the bound
    int max_error;  // of any sample, 0 to 255; below 255 no transform is used
};

struct Coded {
    std::vector<uint8_t> bytes;
    double squared_error;
};

// The stream of a tile, and into `decoded` the pixels that it gives. `base` is the network's
// picture of the tile, or null if the network codes nothing of it.
Coded encode_tile(const Picture& source, const uint8_t* base, const Request& request,
                  uint8_t* decoded);

// The pixels of a stream, which need not be trusted; throws std::invalid_argument.
void decode_tile(const uint8_t* data, std::size_t size, const uint8_t* base, int height, int width,
                 uint8_t* decoded);

}  // namespace lic::residual
