#include "decoder.hpp"

namespace lic {

Decoder::Decoder(const Tables& tables, const uint8_t* data, std::size_t size)
    : tables_(tables), data_(data, data + size), back_(size) {
    if (size == 0) throw CorruptStream("the stream is empty");
    if (data[0] > kMaximumLanesLog) throw CorruptStream("unknown number of lanes");
    const std::size_t lanes = std::size_t{1} << data[0];
    lane_mask_ = lanes - 1;
    front_ = 1 + lanes * kStateBytes;
    if (front_ > size) throw CorruptStream("the stream ends within its header");
    states_.fill(kLowestState);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        uint64_t x = 0;
        for (std::size_t byte = 0; byte < kStateBytes; ++byte) {
            x |= uint64_t{data[1 + lane * kStateBytes + byte]} << (8 * byte);
        }
        if (x < kLowestState) throw CorruptStream("a lane's state is out of range");
        states_[lane] = x;
    }
}

bool Decoder::escape_bit() {
    if (escape_count_ % 8 == 0) {
        if (back_ == front_) throw CorruptStream("the stream ends within an escape");
        --back_;
    }
    const bool bit = data_[back_] >> (7 - escape_count_ % 8) & 1;
    ++escape_count_;
    return bit;
}

int64_t Decoder::escape() {
    int zeros = 0;
    while (!escape_bit()) {
        if (++zeros > 32) throw CorruptStream("an escape is too long");
    }
    int64_t value = 1;
    for (; zeros > 0; --zeros) value = value << 1 | static_cast<int64_t>(escape_bit());
    return value - 1;
}

template <class Find>
inline int32_t Decoder::step(std::size_t lane, Find&& find) {
    uint64_t x = states_[lane];
    const uint32_t slot = static_cast<uint32_t>(x) & (kTotal - 1);
    uint32_t start;
    uint32_t frequency;
    const int32_t symbol = find(slot, start, frequency);
    x = frequency * (x >> kProbabilityBits) + (slot - start);
    if (x < kLowestState) {
        if (back_ - front_ < 2) throw CorruptStream("the stream ends too early");
        x = x << kWordBits | data_[front_] | uint64_t{data_[front_ + 1]} << 8;
        front_ += 2;
    }
    states_[lane] = x;
    return symbol;
}

// Adds an escape's excess to a symbol at an end of its window.
template <class Model>
inline int32_t Decoder::complete(int32_t symbol, const Model& model) {
    if (symbol != model.low() && symbol != model.high()) [[likely]] return symbol;
    const int64_t excess = escape();
    const int64_t value = symbol == model.low() ? symbol - excess : symbol + excess;
    if (value < INT32_MIN || value > INT32_MAX) throw CorruptStream("an escape is out of range");
    return static_cast<int32_t>(value);
}

void Decoder::get_mixture(const MixtureArrays& arrays, int32_t* symbols) {
    with_components(arrays.components, [&](auto components) {
        for (std::size_t i = 0; i < arrays.count; ++i) {
            const Mixture<components.value> mixture(tables_, arrays, i);
            const int32_t symbol = step(
                i & lane_mask_, [&](uint32_t slot, uint32_t& start, uint32_t& frequency) {
                    return mixture.find(tables_, slot, start, frequency);
                });
            symbols[i] = complete(symbol, mixture);
        }
    });
}

void Decoder::get_factorized(const int32_t* channels, std::size_t count,
                             const FactorizedArrays& arrays, int32_t* symbols) {
    for (std::size_t i = 0; i < count; ++i) {
        const TableRow row(arrays, channels[i]);
        const int32_t symbol =
            step(i & lane_mask_, [&](uint32_t slot, uint32_t& start, uint32_t& frequency) {
                return row.find(slot, start, frequency);
            });
        symbols[i] = complete(symbol, row);
    }
}

void Decoder::finish(uint32_t check) const {
    if (front_ != back_) throw CorruptStream("the stream is longer than its symbols");
    if (escape_count_ % 8 != 0) {
        const unsigned padding = data_[back_] & (0xFFu >> escape_count_ % 8);
        if (padding != 0) throw CorruptStream("the escapes' padding is not zero");
    }
    for (std::size_t lane = 0; lane <= lane_mask_; ++lane) {
        if (states_[lane] != kLowestState + check) throw CorruptStream("the check value is wrong");
    }
}

}  // namespace lic
