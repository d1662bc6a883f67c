#include "picture.hpp"

#include <algorithm>
#include <utility>

#include "checksums.hpp"
#include "inflate.hpp"
#include "latents.hpp"
#include "reduction.hpp"
#include "tiles.hpp"

namespace lic::deployment {
namespace {

constexpr std::size_t kMetadataLimit = std::size_t{1} << 24;
constexpr std::array<char, 3> kMetadataBoxes = {'i', 'e', 'x'};
constexpr uint8_t kGray = 1, kRgb = 3, kCmyk = 4;

constexpr uint32_t kMaximumReduction = 64;

// Where pixels of 8-bit samples of a part of the picture go.
class Canvas {
public:
    Canvas(uint8_t* pixels, std::size_t stride, std::size_t channels, const Region& part, bool gray,
           const std::vector<uint8_t>& alpha, std::size_t width)
        : pixels_(pixels), stride_(stride), channels_(channels), part_(part), gray_(gray),
          alpha_(alpha), width_(width) {}

    // Pixels (height, width, 3) of a region that overlaps the part.
    void put(const Region& region, const uint8_t* pixels) const {
        const Region shown = region.common(part_);
        for (std::size_t y = shown.top; y < shown.bottom; ++y) {
            const uint8_t* rgb =
                pixels + ((y - region.top) * region.width() + shown.left - region.left) * 3;
            uint8_t* to =
                pixels_ + (y - part_.top) * stride_ + (shown.left - part_.left) * channels_;
            for (std::size_t x = shown.left; x < shown.right; ++x, rgb += 3, to += channels_) {
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
    Region part_;
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

lic_part Picture::all() const {
    return {0, 0, container_.header.width, container_.header.height, 1};
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

void Picture::decode(const Network* network, const lic_part& part, uint32_t channels,
                     std::size_t threads, uint8_t* pixels, std::size_t stride) const {
    const Header& header = container_.header;
    if (channels != info().channels && channels != 3 && channels != 4) {
        throw Failure(LIC_BAD_ARGUMENT, "the picture does not have " + std::to_string(channels) +
                                            " channels");
    }
    if (part.x >= header.width || part.width - 1 >= header.width - part.x ||
        part.y >= header.height || part.height - 1 >= header.height - part.y) {
        throw Failure(LIC_BAD_REGION, "the part does not lie within the picture");
    }
    if (part.reduce - 1 >= kMaximumReduction) {
        throw Failure(LIC_BAD_REGION, "a picture can be reduced by 1 to 64");
    }
    const Region region = {part.y, part.x, part.y + std::size_t{part.height},
                           part.x + std::size_t{part.width}};
    const std::size_t row = checked_size((part.width - 1) / part.reduce + 1, channels);
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
    const auto decode_to = [&](uint8_t* to, std::size_t to_stride) {
        const Canvas canvas(to, to_stride, channels, region, gray_, plane, header.width);
        decode_tiles(container_, network, region, threads,
                     [&](const Region& shown, const uint8_t* rgb) { canvas.put(shown, rgb); });
    };
    if (part.reduce == 1) return decode_to(pixels, stride);
    Samples full{region.height(), region.width(), channels, {}};
    full.samples.resize(checked_size(full.height, full.width, channels));
    decode_to(full.samples.data(), full.width * channels);
    reduce(std::move(full), part.reduce, pixels, stride);
}

}  // namespace lic::deployment
