#include "network.hpp"

#include "checksums.hpp"
#include "coder_tables.hpp"

namespace lic::deployment {
namespace {

constexpr std::size_t kMaximumHalo = 64;
constexpr uint32_t kSideTotal = 1 << lic::kTableBits;

Json read_graphs(const SafeTensors& arrays) {
    return parse_json(arrays.metadata().at("integer_codec").string()).at("graphs");
}

}  // namespace

Network::Network(Bytes file) : Network(file, SafeTensors(file)) {}

Network::Network(Bytes file, const SafeTensors& arrays)
    : Network(file, arrays, read_graphs(arrays)) {}

Network::Network(Bytes file, const SafeTensors& arrays, const Json& graphs)
    : digest(sha256(file)),
      tables(coder_tables()),
      hyper_synthesis("hyper_synthesis", graphs, arrays),
      synthesis("synthesis", graphs, arrays) {
    for (std::size_t step = 0; step < kSteps; ++step) {
        steps.emplace_back("step" + std::to_string(step), graphs, arrays);
    }
    if (graphs.object().contains("corrector")) corrector.emplace("corrector", graphs, arrays);
    from_steps = read_table(arrays, "from_steps", 0, kLogarithmLimit - 1);
    read_side_counts(arrays);
    require_shapes();
    halo = synthesis.reach();
    if (halo > kMaximumHalo) bad_weights("the synthesis looks too far");
}

void Network::read_side_counts(const SafeTensors& arrays) {
    const Array& array = arrays.get("side_counts", 3);
    side_levels_ = array.shape[0];
    side_channels_ = array.shape[1];
    side_width_ = array.shape[2];
    const bool shaped = side_levels_ >= 1 && side_levels_ <= 64 && side_channels_ >= 1 &&
                        side_width_ >= 4 && side_width_ < 1 << 15 && side_width_ % 2 == 0;
    if (!shaped) bad_weights("the side information's counts have a wrong shape");
    for (const int32_t count : array.numbers<int32_t>()) {
        side_counts_.push_back(static_cast<uint32_t>(count));
    }
    for (std::size_t row = 0; row < side_counts_.size(); row += side_width_) {
        const uint32_t* counts = side_counts_.data() + row;
        bool rising = counts[0] == 0 && counts[side_width_ - 1] == kSideTotal;
        for (std::size_t i = 1; i < side_width_; ++i) rising &= counts[i - 1] < counts[i];
        if (!rising) bad_weights("the side information's counts are no distribution");
    }
}

void Network::require_shapes() const {
    const std::size_t side_stride = kLatentStride * kSideStride;
    if (latents() % kSteps) bad_weights("the latents' channels do not divide");
    hyper_synthesis.require_shape({{side_channels()}, 1, kSideStride, features(), side_stride});
    for (const Part& step : steps) {
        std::vector<std::size_t> inputs = {features()};
        if (step.inputs().size() > 1) inputs.push_back(latents());
        step.require_shape({inputs, kSideStride, kSideStride / 2, latents(), kLatentStride, true});
    }
    if (corrector) {
        corrector->require_shape({{features()}, kSideStride, kSideStride, latents(),
                                  kLatentStride});
    }
    synthesis.require_shape({{latents()}, 1, kLatentStride, 3, kLatentStride});
}

const uint32_t* Network::side_counts(int64_t quality) const {
    const auto last = static_cast<int64_t>(side_levels_) - 1;
    const auto level = static_cast<std::size_t>((2 * quality * last + kQualitySteps) /
                                                (2 * kQualitySteps));
    return side_counts_.data() + level * side_channels_ * side_width_;
}

}  // namespace lic::deployment
