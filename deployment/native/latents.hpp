// From a tile's stream to its latents: codec/FORMAT.md, "A tile's latents".
#pragma once

#include <vector>

#include "container.hpp"
#include "network.hpp"

namespace lic::deployment {

// The latents (rows, columns, M) of a tile of rows x columns latents, as activations, ready for the
// synthesis; throws Failure if the stream is damaged, or was made with other weights.
std::vector<int16_t> decode_latents(const Network& network, Bytes stream, std::size_t rows,
                                    std::size_t columns, const Header& header,
                                    std::size_t threads);

}  // namespace lic::deployment
