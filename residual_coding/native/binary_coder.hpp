// Binary arithmetic coding with probabilities that adapt, and mixtures of them.
//
// FORMAT.md, "Bits", defines all of it. Encoder and Decoder have the same methods, so that a model
// is written once for both: `bit` takes the bit to encode, or ignores its argument, and returns the
// bit. Everything that decides a probability is integer arithmetic.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lic::residual {

// What is known of a bit in one context: the probability of a 1 in 1/65536, and how many were seen.
struct Probability {
    uint16_t one = 1 << 15;
    uint16_t seen = 0;
};

struct Tables {
    // 65536 / (1 + exp(-x / 256)) for x = -2047..2047, from its nearest integer, at least 32.
    std::array<uint16_t, 4095> squash;
    // 256 ln(p / (1 - p)) for p = (i + 1/2) / 4096, from its nearest integer.
    std::array<int16_t, 4096> stretch;
    // How fast a probability follows, by the number of bits seen.
    std::array<uint32_t, 256> rate;
    // -65536 log2(i / 4096), for estimates.
    std::array<uint32_t, 4096> cost;

    Tables() {
        for (int x = -2047; x <= 2047; ++x)
            squash[x + 2047] = static_cast<uint16_t>(std::clamp(
                static_cast<int>(std::floor(65536 / (1 + std::exp(-x / 256.0)) + 0.5)), 32, 65504));
        for (int i = 0; i < 4096; ++i)
            stretch[i] = static_cast<int16_t>(std::clamp(
                static_cast<int>(std::floor(256 * std::log((i + 0.5) / (4095.5 - i)) + 0.5)), -2047,
                2047));
        for (uint32_t n = 0; n < 256; ++n) rate[n] = 131072 / (2 * n + 3);
        for (int i = 0; i < 4096; ++i)
            cost[i] = static_cast<uint32_t>(-65536 * std::log2((i + 0.5) / 4096));
    }
};

inline const Tables kTables;

inline void learn(Probability& p, int bit, int limit) {
    const int target = bit ? 65535 : 0;
    p.one = static_cast<uint16_t>(
        p.one + (((target - p.one) * static_cast<int64_t>(kTables.rate[p.seen])) >> 16));
    if (p.seen < limit) ++p.seen;
}

// Weights of one mixture of probabilities; in 1/65536.
template <std::size_t N>
struct Weights {
    std::array<int32_t, N> weight;
    Weights() { weight.fill(static_cast<int32_t>(65536 * 2 / (N + 1))); }
};

inline uint32_t clamped(uint32_t one) {
    return std::clamp<uint32_t>(one, 32, 65504);
}

// The probability of a 1 in 1/65536, mixed from N contexts', and their logits in 1/256.
template <std::size_t N>
int mix(const std::array<Probability*, N>& contexts, const Weights<N>& weights,
        std::array<int, N>& logits) {
    int64_t sum = 0;
    for (std::size_t i = 0; i < N; ++i) {
        logits[i] = kTables.stretch[contexts[i]->one >> 4];
        sum += static_cast<int64_t>(logits[i]) * weights.weight[i];
    }
    return kTables
        .squash[static_cast<std::size_t>(std::clamp<int64_t>(sum >> 16, -2047, 2047) + 2047)];
}

// The methods that an encoder and a decoder share; Derived::code(one, bit) codes a bit of
// probability one / 65536.
template <class Derived>
class Coder {
   public:
    int bit(Probability& p, int bit, int limit = 255) {
        bit = self().code(clamped(p.one), bit);
        learn(p, bit, limit);
        return bit;
    }

    // A bit whose probability is mixed from N contexts'.
    template <std::size_t N>
    int bit(const std::array<Probability*, N>& contexts, Weights<N>& weights, int bit,
            int limit = 255) {
        std::array<int, N> logits;
        const int one = mix(contexts, weights, logits);
        bit = self().code(static_cast<uint32_t>(one), bit);
        const int error = (bit ? 65536 : 0) - one;
        for (std::size_t i = 0; i < N; ++i) {
            const int64_t step = (static_cast<int64_t>(logits[i]) * error * 3 + (1 << 16)) >> 17;
            weights.weight[i] = static_cast<int32_t>(
                std::clamp<int64_t>(weights.weight[i] + step, -(1 << 20), 1 << 20));
            learn(*contexts[i], bit, limit);
        }
        return bit;
    }

    // Bits of equal probability, the most significant first.
    uint32_t raw(uint32_t value, int bits) {
        uint32_t out = 0;
        for (int i = bits - 1; i >= 0; --i)
            out = out << 1 | static_cast<uint32_t>(self().code(1 << 15, value >> i & 1));
        return out;
    }

   private:
    Derived& self() { return static_cast<Derived&>(*this); }
};

// An interval [low_, high_] of 32 bits that narrows with every bit; equal leading bytes are output.
class Encoder : public Coder<Encoder> {
   public:
    static constexpr bool kEncodes = true;

    int code(uint32_t one, int bit) {
        const uint32_t middle =
            low_ + static_cast<uint32_t>((static_cast<uint64_t>(high_ - low_) * one) >> 16);
        cost_ += kTables.cost[(bit ? one : 65536 - one) >> 4];
        if (bit) {
            high_ = middle;
        } else {
            low_ = middle + 1;
        }
        while (((low_ ^ high_) & 0xFF000000) == 0) {
            bytes_.push_back(static_cast<uint8_t>(high_ >> 24));
            low_ <<= 8;
            high_ = high_ << 8 | 255;
        }
        return bit;
    }

    // The stream. A decoder reads zeros after its end, so that they need not be stored.
    std::vector<uint8_t> finish() {
        // The shortest number in the interval.
        for (int shift = 24; shift >= 0; shift -= 8) {
            const uint64_t unit = uint64_t{1} << shift;
            const uint64_t value = (low_ + unit - 1) / unit * unit;
            if (value <= high_) {
                for (int i = 24; i >= shift; i -= 8)
                    bytes_.push_back(static_cast<uint8_t>(value >> i));
                break;
            }
        }
        while (!bytes_.empty() && bytes_.back() == 0) bytes_.pop_back();
        return std::move(bytes_);
    }

    // Bits so far.
    double cost() const { return static_cast<double>(cost_) / 65536; }

   private:
    uint32_t low_ = 0;
    uint32_t high_ = 0xFFFFFFFF;
    uint64_t cost_ = 0;
    std::vector<uint8_t> bytes_;
};

class Decoder : public Coder<Decoder> {
   public:
    static constexpr bool kEncodes = false;

    Decoder(const uint8_t* data, std::size_t size) : data_(data), end_(data + size) {
        for (int i = 0; i < 4; ++i) value_ = value_ << 8 | next();
    }

    int code(uint32_t one, int) {
        const uint32_t middle =
            low_ + static_cast<uint32_t>((static_cast<uint64_t>(high_ - low_) * one) >> 16);
        const int bit = value_ <= middle;
        if (bit) {
            high_ = middle;
        } else {
            low_ = middle + 1;
        }
        while (((low_ ^ high_) & 0xFF000000) == 0) {
            low_ <<= 8;
            high_ = high_ << 8 | 255;
            value_ = value_ << 8 | next();
        }
        return bit;
    }

    // Whether no byte is left that has not been read.
    bool at_end() const { return data_ == end_; }

   private:
    uint32_t next() { return data_ == end_ ? 0 : *data_++; }

    const uint8_t* data_;
    const uint8_t* end_;
    uint32_t low_ = 0;
    uint32_t high_ = 0xFFFFFFFF;
    uint32_t value_ = 0;
};

// Adds up what bits would cost, and learns nothing.
class Estimator {
   public:
    static constexpr bool kEncodes = true;

    int bit(const Probability& p, int bit, int = 0) {
        const uint32_t one = clamped(p.one);
        cost_ += kTables.cost[(bit ? one : 65536 - one) >> 4];
        return bit;
    }

    template <std::size_t N>
    int bit(const std::array<Probability*, N>& contexts, const Weights<N>& weights, int bit,
            int = 0) {
        std::array<int, N> logits;
        const int one = mix(contexts, weights, logits);
        cost_ += kTables.cost[(bit ? one : 65536 - one) >> 4];
        return bit;
    }

    uint32_t raw(uint32_t value, int bits) {
        cost_ += static_cast<uint64_t>(bits) << 16;
        return value;
    }

    double cost() const { return static_cast<double>(cost_) / 65536; }

   private:
    uint64_t cost_ = 0;
};

// Numbers from 0, with a probability for each bit: how many binary digits n + 1 has, then these,
// of which the two after the first adapt.
struct NumberModel {
    std::array<Probability, 24> length;
    std::array<std::array<Probability, 4>, 24> digits;
};

inline constexpr int kMaximumDigits = 23;

template <class C>
uint32_t code_number(C& coder, NumberModel& model, uint32_t number, int limit = 255) {
    const uint32_t value = number + 1;
    int bits = 0;
    while (bits < kMaximumDigits && coder.bit(model.length[bits], value >> (bits + 1) != 0, limit))
        ++bits;
    uint32_t out = 1;
    for (int i = bits - 1; i >= 0; --i) {
        const int digit = static_cast<int>(value >> i & 1);
        if (i >= bits - 2) {
            const int place = i == bits - 1 ? 0 : 2 + static_cast<int>(out & 1);
            out = out << 1 |
                  static_cast<uint32_t>(coder.bit(model.digits[bits][place], digit, limit));
        } else {
            out = out << 1 | coder.raw(static_cast<uint32_t>(digit), 1);
        }
    }
    return out - 1;
}

}  // namespace lic::residual
