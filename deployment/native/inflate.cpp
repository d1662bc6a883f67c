#include "inflate.hpp"

#include <algorithm>
#include <array>

#include "checksums.hpp"

namespace lic::deployment {
namespace {

constexpr int kLongestCode = 15;

[[noreturn]] void damaged() { corrupt("a part does not decompress"); }

[[noreturn]] void wrong_length() { corrupt("a compressed part has not its right length"); }

class BitReader {
public:
    explicit BitReader(Bytes data) : data_(data) {}

    uint32_t bits(int count) {
        while (held_ < count) {
            if (at_ == data_.size()) wrong_length();
            buffer_ |= uint64_t{data_[at_++]} << held_;
            held_ += 8;
        }
        const uint32_t value = static_cast<uint32_t>(buffer_ & ((uint64_t{1} << count) - 1));
        buffer_ >>= count;
        held_ -= count;
        return value;
    }

    // The bytes that follow the one of which bits were taken. No more than that one is held: bits
    // are asked for one by one, or as many as there are.
    Bytes bytes(std::size_t count) {
        buffer_ = 0;
        held_ = 0;
        if (count > data_.size() - at_) wrong_length();
        at_ += count;
        return data_.subspan(at_ - count, count);
    }

    bool at_end() const { return at_ == data_.size(); }

private:
    Bytes data_;
    std::size_t at_ = 0;
    uint64_t buffer_ = 0;
    int held_ = 0;
};

// A prefix code: how many codes there are of each length, and the symbols in the codes' order.
class Code {
public:
    explicit Code(std::span<const uint8_t> lengths) : symbols_(lengths.size()) {
        for (const uint8_t length : lengths) ++counts_[length];
        int left = 1;
        for (int length = 1; length <= kLongestCode; ++length) {
            left = 2 * left - counts_[length];
            if (left < 0) damaged();
        }
        // All codes are used, but for a code that has one symbol, or none.
        const std::size_t used = lengths.size() - counts_[0];
        if (left > 0 && !(used <= 1 && counts_[1] == used)) damaged();
        std::array<uint16_t, kLongestCode + 2> next{};
        for (int length = 1; length <= kLongestCode; ++length) {
            next[length + 1] = static_cast<uint16_t>(next[length] + counts_[length]);
        }
        for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
            if (lengths[symbol]) symbols_[next[lengths[symbol]]++] = static_cast<uint16_t>(symbol);
        }
    }

    uint32_t read(BitReader& reader) const {
        int code = 0, first = 0, index = 0;
        for (int length = 1; length <= kLongestCode; ++length) {
            code |= static_cast<int>(reader.bits(1));
            if (code - first < counts_[length]) return symbols_[index + code - first];
            index += counts_[length];
            first = (first + counts_[length]) << 1;
            code <<= 1;
        }
        damaged();
    }

private:
    std::array<uint16_t, kLongestCode + 1> counts_{};
    std::vector<uint16_t> symbols_;
};

struct Codes {
    Code symbols;
    Code distances;
};

Codes fixed_codes() {
    std::array<uint8_t, 288> lengths;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
        lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    }
    // Two distances have codes that no stream may use.
    std::array<uint8_t, 32> distances;
    distances.fill(5);
    return {Code(lengths), Code(distances)};
}

Codes read_codes(BitReader& reader) {
    constexpr std::array<uint8_t, 19> kOrder = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                11, 4,  12, 3, 13, 2, 14, 1, 15};
    const std::size_t symbols = reader.bits(5) + 257, distances = reader.bits(5) + 1;
    const std::size_t given = reader.bits(4) + 4;
    if (symbols > 286 || distances > 30) damaged();
    std::array<uint8_t, 19> of_lengths{};
    for (std::size_t i = 0; i < given; ++i) {
        of_lengths[kOrder[i]] = static_cast<uint8_t>(reader.bits(3));
    }
    const Code code(of_lengths);
    std::array<uint8_t, 286 + 30> lengths{};
    for (std::size_t at = 0; at < symbols + distances;) {
        const uint32_t symbol = code.read(reader);
        if (symbol < 16) {
            lengths[at++] = static_cast<uint8_t>(symbol);
            continue;
        }
        if (symbol == 16 && at == 0) damaged();
        const uint8_t value = symbol == 16 ? lengths[at - 1] : 0;
        const std::size_t count = symbol == 16   ? reader.bits(2) + 3
                                  : symbol == 17 ? reader.bits(3) + 3
                                                 : reader.bits(7) + 11;
        if (count > symbols + distances - at) damaged();
        std::fill_n(lengths.begin() + at, count, value);
        at += count;
    }
    if (lengths[256] == 0) damaged();  // a block that could not end
    const std::span<const uint8_t> all(lengths);
    return {Code(all.first(symbols)), Code(all.subspan(symbols, distances))};
}

void require_room(const std::vector<uint8_t>& out, std::size_t count, std::size_t limit) {
    if (count > limit - out.size()) wrong_length();
}

void inflate_block(BitReader& reader, const Codes& codes, std::size_t limit,
                   std::vector<uint8_t>& out) {
    for (;;) {
        const uint32_t symbol = codes.symbols.read(reader);
        if (symbol == 256) return;
        if (symbol < 256) {
            require_room(out, 1, limit);
            out.push_back(static_cast<uint8_t>(symbol));
            continue;
        }
        if (symbol > 285) damaged();
        // Lengths come in groups of four, distances in pairs; each takes a bit more than the last.
        const int rank = static_cast<int>(symbol) - 257;
        std::size_t length = rank + 3;
        if (rank == 28) {
            length = 258;
        } else if (rank >= 8) {
            const int extra = rank / 4 - 1;
            length = ((std::size_t{4} + rank % 4) << extra) + 3 + reader.bits(extra);
        }
        const int place = static_cast<int>(codes.distances.read(reader));
        if (place > 29) damaged();
        std::size_t distance = place + 1;
        if (place >= 4) {
            const int extra = place / 2 - 1;
            distance = ((std::size_t{2} + place % 2) << extra) + 1 + reader.bits(extra);
        }
        if (distance > out.size()) damaged();
        require_room(out, length, limit);
        for (; length > 0; --length) out.push_back(out[out.size() - distance]);
    }
}

}  // namespace

std::vector<uint8_t> inflate(Bytes stream, std::size_t limit) {
    BitReader reader(stream);
    const uint32_t method = reader.bits(8), flags = reader.bits(8);
    const bool preset = flags & 0x20;
    if ((method & 15) != 8 || method >> 4 > 7 || (method << 8 | flags) % 31 || preset) damaged();
    std::vector<uint8_t> out;
    for (bool last = false; !last;) {
        last = reader.bits(1);
        const uint32_t kind = reader.bits(2);
        if (kind == 0) {
            const Bytes lengths = reader.bytes(4);
            const uint32_t length = lengths[0] | uint32_t{lengths[1]} << 8;
            if ((lengths[2] | uint32_t{lengths[3]} << 8) != (length ^ 0xFFFF)) damaged();
            require_room(out, length, limit);
            const Bytes bytes = reader.bytes(length);
            out.insert(out.end(), bytes.begin(), bytes.end());
        } else if (kind == 1) {
            inflate_block(reader, fixed_codes(), limit, out);
        } else if (kind == 2) {
            inflate_block(reader, read_codes(reader), limit, out);
        } else {
            damaged();
        }
    }
    const Bytes sum = reader.bytes(4);
    const uint32_t wanted = uint32_t{sum[0]} << 24 | uint32_t{sum[1]} << 16 |
                            uint32_t{sum[2]} << 8 | sum[3];
    if (wanted != adler32(out)) damaged();
    if (!reader.at_end()) wrong_length();
    return out;
}

}  // namespace lic::deployment
