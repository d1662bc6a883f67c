// All that a decoder needs of a weights file, and the entropy coder's tables.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "../../entropy_coding/native/tables.hpp"
#include "part.hpp"

namespace lic::deployment {

constexpr std::size_t kLatentStride = 16;  // pixels from one latent to the next
constexpr std::size_t kSideStride = 4;     // latents from one place of the side information on
constexpr std::size_t kSteps = 4;

class Network {
public:
    // Of a weights file's bytes, which are not needed afterwards; throws Failure.
    explicit Network(Bytes file);

    std::size_t latents() const { return from_steps.channels; }
    std::size_t side_channels() const { return side_channels_; }
    std::size_t features() const { return hyper_synthesis.channels(); }

    // The counts (side channels, width) of the side information's distributions at a quality.
    const uint32_t* side_counts(int64_t quality) const;
    std::size_t side_width() const { return side_width_; }

    std::array<uint8_t, 32> digest;
    const lic::Tables tables;
    Part hyper_synthesis;
    std::vector<Part> steps;
    std::optional<Part> corrector;
    Part synthesis;
    Table from_steps;
    std::size_t halo;  // how many latents beyond a region influence its pixels

private:
    Network(Bytes file, const SafeTensors& arrays);
    Network(Bytes file, const SafeTensors& arrays, const Json& graphs);
    void read_side_counts(const SafeTensors& arrays);
    void require_shapes() const;

    std::vector<uint32_t> side_counts_;  // (levels, channels, width)
    std::size_t side_levels_ = 0, side_channels_ = 0, side_width_ = 0;
};

}  // namespace lic::deployment
