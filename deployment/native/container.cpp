#include "container.hpp"

#include <algorithm>

#include "checksums.hpp"

namespace lic::deployment {
namespace {

constexpr std::array<uint8_t, 4> kMagic = {0x89, 'L', 'I', 'C'};
constexpr uint8_t kVersion = 2;
constexpr std::size_t kHeaderBytes = 17;
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kDigestBytes = 4;
constexpr std::size_t kLongestId = 63;
constexpr int kVarintBits = 35;

// A cursor that refuses to read beyond its end.
class Reader {
public:
    explicit Reader(Bytes data) : left_(data) {}

    Bytes take(uint64_t count) {
        if (count > left_.size()) {
            throw Failure(LIC_TRUNCATED, "the file is truncated: " + std::to_string(count) +
                                             " bytes should follow, and there are " +
                                             std::to_string(left_.size()));
        }
        const Bytes taken = left_.first(static_cast<std::size_t>(count));
        left_ = left_.subspan(taken.size());
        return taken;
    }

    uint64_t integer(std::size_t bytes) {
        uint64_t value = 0;
        const Bytes taken = take(bytes);
        for (std::size_t i = 0; i < bytes; ++i) value |= uint64_t{taken[i]} << 8 * i;
        return value;
    }

    // LEB128, in its shortest form.
    uint64_t varint() {
        uint64_t value = 0;
        for (int shift = 0; shift < kVarintBits; shift += 7) {
            const uint64_t byte = integer(1);
            value |= (byte & 0x7F) << shift;
            if (byte < 0x80) {
                if (byte == 0 && shift > 0) break;
                return value;
            }
        }
        corrupt("it holds a malformed integer");
    }

    Bytes left() const { return left_; }

private:
    Bytes left_;
};

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return is_upper(c) || (c >= 'a' && c <= 'z'); }

Header read_header(Bytes file) {
    const std::size_t known = std::min(file.size(), kMagic.size());
    if (!std::equal(kMagic.begin(), kMagic.begin() + known, file.begin())) {
        throw Failure(LIC_CORRUPT,
                      "this is not a lic file: it does not begin with lic's signature");
    }
    if (file.size() > kMagic.size() && file[kMagic.size()] != kVersion) {
        throw Failure(LIC_UNSUPPORTED_VERSION,
                      "the file has format version " + std::to_string(file[kMagic.size()]) +
                          "; this program reads version " + std::to_string(kVersion));
    }
    Reader reader(Reader(file).take(kHeaderBytes).subspan(kMagic.size() + 1));
    const auto field = [&](std::size_t bytes, uint64_t least, uint64_t most) {
        const uint64_t value = reader.integer(bytes);
        if (value < least || value > most) corrupt("a field of its header is out of range");
        return static_cast<uint32_t>(value);
    };
    Header header;
    header.width = field(4, 1, INT32_MAX);
    header.height = field(4, 1, INT32_MAX);
    header.quality = field(2, 0, 10000);
    header.skip_below = field(1, 0, 255);
    header.tile = field(1, 1, 32);
    return header;
}

std::map<char, Bytes> read_boxes(Bytes data) {
    Reader reader(data);
    std::map<char, Bytes> boxes;
    while (!boxes.contains('S')) {
        const char type = static_cast<char>(reader.integer(1));
        if (!is_letter(type)) corrupt("it has a box whose type is no letter");
        if (boxes.contains(type)) corrupt(std::string("it has two boxes ") + type);
        boxes[type] = reader.take(reader.varint());
    }
    if (!reader.left().empty()) corrupt("bytes follow its end");
    return boxes;
}

// The tiles' streams of a payload.
std::vector<Bytes> split(Bytes payload, uint64_t tiles) {
    // Each length takes a byte at least, so a false number of tiles ends here and not in memory.
    if (tiles - 1 > payload.size()) corrupt("it cannot hold its tiles");
    try {
        Reader reader(payload);
        std::vector<uint64_t> lengths;
        for (uint64_t i = 1; i < tiles; ++i) lengths.push_back(reader.varint());
        std::vector<Bytes> streams;
        for (const uint64_t length : lengths) streams.push_back(reader.take(length));
        streams.push_back(reader.left());
        return streams;
    } catch (const Failure& failure) {
        if (failure.status != LIC_TRUNCATED) throw;
        corrupt("its streams are longer than it");
    }
}

void read_weights_reference(Bytes payload, Container& container) {
    const Bytes id = payload.subspan(std::min(payload.size(), kDigestBytes));
    const bool printable =
        std::all_of(id.begin(), id.end(), [](uint8_t c) { return c >= 0x20 && c < 0x7F; });
    if (id.empty() || id.size() > kLongestId || !printable) corrupt("it names no weights");
    std::copy_n(payload.begin(), kDigestBytes, container.weights_digest.begin());
    container.weights_id.assign(id.begin(), id.end());
}

}  // namespace

Container read_container(Bytes file, uint64_t max_pixels) {
    Container container{read_header(file), {}, {}, {}, {}, {}, {}};
    const Header& header = container.header;
    if (padded(header.width) * padded(header.height) > max_pixels) {
        throw Failure(LIC_TOO_LARGE, "the picture has " + std::to_string(header.width) + " x " +
                                         std::to_string(header.height) +
                                         " pixels (sides rounded up to 64s); the limit is " +
                                         std::to_string(max_pixels));
    }
    // A file that ends before its checksum could begin has no room for a box either.
    const std::size_t end = std::max(file.size() - std::min(file.size(), kChecksumBytes),
                                     kHeaderBytes);
    std::map<char, Bytes> boxes = read_boxes(file.subspan(kHeaderBytes, end - kHeaderBytes));
    if (crc32(file.first(end)) != Reader(file.subspan(end)).integer(kChecksumBytes)) {
        corrupt("its checksum does not fit");
    }
    for (const auto& [type, payload] : boxes) {
        if (is_upper(type) && std::string("WARS").find(type) == std::string::npos) {
            throw Failure(LIC_UNSUPPORTED_BOX,
                          std::string("the picture cannot be decoded without the file's box ") +
                              type + ", which this program does not know: a newer program is "
                                     "needed");
        }
    }
    const auto take = [&](char type) -> std::optional<Bytes> {
        const auto node = boxes.extract(type);
        return node ? std::optional<Bytes>(node.mapped()) : std::nullopt;
    };
    const std::optional<Bytes> weights = take('W');
    if (!weights) corrupt("it names no weights");
    read_weights_reference(*weights, container);
    container.streams = split(*take('S'), header.tiles());
    const std::optional<Bytes> layers = take('R');
    container.layers = layers ? split(*layers, header.tiles())
                              : std::vector<Bytes>(container.streams.size());
    for (std::size_t i = 0; i < container.streams.size(); ++i) {
        if (container.streams[i].empty() && container.layers[i].empty()) {
            corrupt("a tile has no stream");
        }
    }
    container.alpha = take('A');
    container.ancillary = std::move(boxes);
    return container;
}

}  // namespace lic::deployment
