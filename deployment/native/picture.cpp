#include "picture.hpp"

#include <algorithm>

#include "checksums.hpp"
#include "inflate.hpp"
#include "latents.hpp"
#include "tiles.hpp"

namespace lic::deployment {
namespace {

constexpr std::size_t kMetadataLimit = std::size_t{1} << 24;
constexpr std::array<char, 3> kMetadataBoxes = {'i', 'e', 'x'};
constexpr uint8_t kGray = 1, kRgb = 3, kCmyk = 4;

// Where pixels of 8-bit samples go.
class Canvas {
public:
    Canvas(uint8_t* pixels, std::size_t stride, std::size_t channels, bool gray,
           const std::vector<uint8_t>& alpha, std::size_t width)
        : pixels_(pixels), stride_(stride), channels_(channels), gray_(gray), alpha_(alpha),
          width_(width) {}

    // Pixels (height, width, 3) of a region.
    void put(const Region& region, const uint8_t* rgb) const {
        for (std::size_t y = region.top; y < region.bottom; ++y) {
            uint8_t* to = pixels_ + y * stride_ + region.left * channels_;
            for (std::size_t x = region.left; x < region.right; ++x, rgb += 3, to += channels_) {
                const auto mean = static_cast<uint8_t>((rgb[0] + rgb[1] + rgb[2] + 1) / 3);
                if (channels_ < 3) {
                    to[0] = mean;
                } else {
                    for (std::size_t c = 0; c < 3; ++c) to[c] = gray_ ? mean : rgb[c];
                }
                if (channels_ % 2 == 0) {
                    to[channels_ - 1] = alpha_.empty() ? 255 : alpha_[y * width_ + x];
                }
            }
        }
    }

private:
    uint8_t* pixels_;
    std::size_t stride_, channels_;
    bool gray_;
    const std::vector<uint8_t>& alpha_;
    std::size_t width_;
};

}  // namespace

Picture::Picture(Bytes file, uint64_t max_pixels) : container_(read_container(file, max_pixels)) {
    for (std::size_t kind = 0; kind < kMetadataBoxes.size(); ++kind) {
        const auto box = container_.ancillary.find(kMetadataBoxes[kind]);
        if (box != container_.ancillary.end()) {
            metadata_[kind] = inflate(box->second, kMetadataLimit);
        }
    }
    if (const auto box = container_.ancillary.find('o'); box != container_.ancillary.end()) {
        const Bytes original = box->second;
        const bool known = original.size() == 2 && original[1] != 0 &&
                           (original[0] == kGray || original[0] == kRgb || original[0] == kCmyk);
        if (!known) corrupt("it does not say what the picture was");
        gray_ = original[0] == kGray;
    }
}

lic_info Picture::info() const {
    const Header& header = container_.header;
    lic_info info{};
    info.width = header.width;
    info.height = header.height;
    info.channels = (gray_ ? 1 : 3) + (container_.alpha ? 1 : 0);
    info.quality = header.quality;
    info.needs_weights = needs_network();
    container_.weights_id.copy(info.weights_id, sizeof(info.weights_id) - 1);
    std::copy(container_.weights_digest.begin(), container_.weights_digest.end(),
              info.weights_digest);
    return info;
}

const std::vector<uint8_t>* Picture::metadata(lic_metadata kind) const {
    const auto place = static_cast<std::size_t>(kind);
    return place < metadata_.size() && metadata_[place] ? &*metadata_[place] : nullptr;
}

bool Picture::needs_network() const {
    return std::any_of(container_.streams.begin(), container_.streams.end(),
                       [](Bytes stream) { return !stream.empty(); });
}

std::vector<uint8_t> Picture::alpha() const {
    if (!container_.alpha) return {};
    const std::size_t width = container_.header.width;
    const std::size_t size = checked_size(width, container_.header.height);
    const Bytes payload = *container_.alpha;
    if (payload.empty() || payload[0] > 2) corrupt("it predicts alpha in an unknown way");
    std::vector<uint8_t> plane = inflate(payload.subspan(1), size);
    if (plane.size() != size) corrupt("its alpha is not of the picture's size");
    const bool from_left = payload[0] == 1, from_above = payload[0] == 2;
    for (std::size_t i = 0; i < size; ++i) {
        if (from_left && i % width) plane[i] = static_cast<uint8_t>(plane[i] + plane[i - 1]);
        if (from_above && i >= width) plane[i] = static_cast<uint8_t>(plane[i] + plane[i - width]);
    }
    return plane;
}

void Picture::decode(const Network* network, uint32_t channels, std::size_t threads,
                     uint8_t* pixels, std::size_t stride) const {
    const Header& header = container_.header;
    if (channels != info().channels && channels != 3 && channels != 4) {
        throw Failure(LIC_BAD_ARGUMENT, "the picture does not have " + std::to_string(channels) +
                                            " channels");
    }
    const std::size_t row = checked_size(header.width, channels);
    if (stride == 0) stride = row;
    if (stride < row) throw Failure(LIC_BAD_ARGUMENT, "rows are longer than the stride");
    const std::vector<uint8_t> plane = alpha();
    if (needs_network()) {
        if (!network) {
            throw Failure(LIC_BAD_WEIGHTS, "the picture cannot be decoded without weights");
        }
        if (!std::equal(container_.weights_digest.begin(), container_.weights_digest.end(),
                        network->digest.begin())) {
            throw Failure(LIC_BAD_WEIGHTS, "the file was made with other weights, of the id " +
                                               container_.weights_id);
        }
    }
    const Canvas canvas(pixels, stride, channels, gray_, plane, header.width);
    decode_tiles(container_, network, threads,
                 [&](const Region& region, const uint8_t* rgb) { canvas.put(region, rgb); });
}

}  // namespace lic::deployment
