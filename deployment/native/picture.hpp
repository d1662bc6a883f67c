// A file's picture: what is known of it without its pixels, and these.
#pragma once

#include <optional>
#include <vector>

#include "container.hpp"
#include "network.hpp"

namespace lic::deployment {

class Picture {
public:
    // Of a file's bytes, which must outlive it; throws Failure.
    Picture(Bytes file, uint64_t max_pixels);

    lic_info info() const;
    // The whole picture, as it is.
    lic_part all() const;
    // The contents of a box of metadata; null if there is none.
    const std::vector<uint8_t>* metadata(lic_metadata kind) const;

    // As `lic_decode_part`.
    void decode(const Network* network, const lic_part& part, uint32_t channels,
                std::size_t threads, uint8_t* pixels, std::size_t stride) const;

private:
    bool needs_network() const;
    // 0..255 for each pixel, row by row; empty if the picture is opaque.
    std::vector<uint8_t> alpha() const;

    Container container_;
    bool gray_ = false;
    std::array<std::optional<std::vector<uint8_t>>, 3> metadata_;  // by lic_metadata
};

}  // namespace lic::deployment
