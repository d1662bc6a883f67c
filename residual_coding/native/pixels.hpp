// Pixels coded one after the other, from their neighbours: for text, graphics, and without loss.
//
// A colour is one of a few candidates (what followed the same neighbours before, and the neighbours
// themselves), or an index into the tile's palette, or three samples, each by its difference from a
// prediction. FORMAT.md, "Pixels", defines all of it.
#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "binary_coder.hpp"
#include "image.hpp"

namespace lic::residual {

// What an encoder wants of a pixel. A decoder has none.
struct Wish {
    Colour source = 0;
    double lambda = 0;  // squared error that a bit is worth
    int max_error = 0;  // of any sample
};

// The colour that followed some neighbours, and how often in a row.
struct Memory {
    Colour colour = 0;
    uint32_t trust = 0;

    void learn(Colour seen) {
        if (trust > 0 && colour == seen) {
            trust = std::min<uint32_t>(trust + 1, 15);
        } else if (trust > 1) {
            trust /= 2;
        } else {
            colour = seen;
            trust = 1;
        }
    }
};

inline uint32_t mixed(uint32_t hash, Colour colour) {
    hash = (hash ^ colour) * 0x9E3779B1u;
    return hash ^ hash >> 15;
}

template <class C>
class PixelModel {
   public:
    // Pixels go to `image`; `base`, of the same size, helps to predict them. `bound` is how far a
    // coded sample may be off: differences are quantized in steps of 2 bound + 1.
    PixelModel(C& coder, Image& image, const Image& base, int bound, std::vector<Colour> palette)
        : coder_(coder), image_(image), base_(base), bound_(bound), palette_(std::move(palette)),
          far_(1 << kFarBits), near_(1 << kNearBits), pair_(1 << kPairBits),
          last_(1 << kFarBits), offsets_(2 * row_size()), hits_(2 * row_size()) {
        for (auto& row : errors_) row.assign(2 * row_size() * kPredictors, kUnknownError);
        for (auto& row : sizes_) row.assign(2 * row_size(), 0);
        for (auto& row : surprises_) row.assign(2 * row_size(), 0);
        if (!palette_.empty()) trees_.resize(kTrees << kTreeBits);
    }

    // Must be called before the pixels of each row.
    void begin_row(int y) {
        row_ = y;
        for (int i = 1; i <= Image::kBorder; ++i) {
            image_.at(-i, y)[0] = y ? image_.at(0, y - 1)[0] : 0;
            image_.at(image_.width - 1 + i, y)[0] = y ? image_.at(image_.width - 1, y - 1)[0] : 0;
        }
        std::fill_n(hits_.begin() + place(0, 0) - Image::kBorder, row_size(), 0);
        for (auto& row : errors_)
            std::fill_n(row.begin() + (place(0, 0) - Image::kBorder) * kPredictors,
                        row_size() * kPredictors, kUnknownError);
        for (auto* rows : {&sizes_, &surprises_})
            for (auto& row : *rows)
                std::fill_n(row.begin() + place(0, 0) - Image::kBorder, row_size(), 0);
        std::fill_n(offsets_.begin() + place(0, 0) - Image::kBorder, row_size(), 0);
    }

    void code(int x, const Wish* wish) {
        Colour* here = image_.at(x, row_);
        const Colour* above = here - image_.stride;
        const Colour* higher = above - image_.stride;
        const Colour w = here[-1], n = above[0], nw = above[-1], ne = above[1];
        uint32_t hash = mixed(mixed(mixed(mixed(0, w), n), nw), ne);
        Memory* pair = &pair_[(mixed(mixed(7, w), n) >> (32 - kPairBits + 1)) * 2];
        hash = mixed(mixed(hash, here[-2]), higher[0]);
        Memory& near = near_[hash >> (32 - kNearBits)];
        for (const Colour colour : {here[-3], above[-2], above[2], higher[-1], higher[1], here[-4]})
            hash = mixed(hash, colour);
        Memory& far = far_[hash >> (32 - kFarBits)];
        for (const Colour colour : {here[-5], here[-6], above[3], higher[-2], higher[2], above[-3]})
            hash = mixed(hash, colour);
        int32_t& last = last_[hash >> (32 - kFarBits)];
        const int32_t position = static_cast<int32_t>(here - image_.at(0, 0));
        find_match(here, position, last, x);

        guesses_ = {{{far.colour, far.trust},
                     {near.colour, near.trust},
                     {pair[0].colour, pair[0].trust},
                     {pair[1].colour, pair[1].trust},
                     {w, 1u + (w == n) + (w == nw)},
                     {n, 1u + (n == ne) + (n == nw)},
                     {ne, 1},
                     {nw, 1},
                     {match_ < 0 ? w : image_.at(0, 0)[match_],
                      match_ < 0 ? 0u : 1u + static_cast<uint32_t>(match_length_ / 4)}}};
        const int count = rank();
        const int history = hits_[place(x, 0) - 1] + 2 * hits_[place(x, 1)] +
                            4 * hits_[place(x, 1) + 1] + 8 * hits_[place(x, 1) - 1];
        int chosen = 0;
        if constexpr (C::kEncodes) chosen = choose(count, history, *wish);
        int index = 0;
        if (!ask(coder_, 0, history, chosen == 0)) {
            index = count;
            if (count > 1 && coder_.bit(others_[history], chosen < count)) {
                index = 1;
                while (index + 1 < count && !ask(coder_, index, history, index == chosen)) ++index;
            }
        }
        const bool found = index < count;
        Colour colour;
        if (found) {
            colour = candidates_[index];
            here[0] = colour;
        } else {
            double before = 0;
            if constexpr (C::kEncodes) before = coder_.cost();
            if (palette_.empty()) {
                samples(here, x, wish);
            } else {
                here[0] = from_palette(w, n, nw, ne, wish);
            }
            colour = here[0];
            if constexpr (C::kEncodes) miss_cost_ += (coder_.cost() - before - miss_cost_) / 32;
        }
        hits_[place(x, 0)] = found;
        follow_match(colour, position, x);
        last = position;
        far.learn(colour);
        near.learn(colour);
        if (pair[0].trust > 0 && pair[0].colour != colour) {
            if (pair[1].colour == colour) std::swap(pair[0], pair[1]);
            else pair[1] = std::exchange(pair[0], Memory{});
        }
        pair[0].learn(colour);
    }

   private:
    static constexpr int kFarBits = 17, kNearBits = 16, kPairBits = 15;
    static constexpr int kGuesses = 9, kRanks = 6;
    static constexpr int kPredictors = 6;
    static constexpr int kUnknownError = 4;
    static constexpr std::size_t kTrees = 5;
    static constexpr int kTreeBits = 17;

    std::size_t row_size() const { return static_cast<std::size_t>(image_.stride); }
    // The place of column x in arrays of two rows: this one (0) or the one above (1).
    std::size_t place(int x, int up) const {
        return ((row_ - up) & 1) * row_size() + Image::kBorder + x;
    }

    // Looks for a place where the pixels around were the same, if the last one did not hold.
    void find_match(const Colour* here, int32_t position, int32_t last, int x) {
        if (match_ >= 0) return;
        match_length_ = 0;
        for (const int32_t offset : {offsets_[place(x, 1)], offsets_[place(x, 1) + 1], position - last}) {
            if (offset <= 0 || offset > position) continue;
            const Colour* there = here - offset;
            int same = 0;
            while (same < 12 && there[-1 - same] == here[-1 - same] &&
                   there[-1 - same - image_.stride] == here[-1 - same - image_.stride])
                ++same;
            if (same <= match_length_ || same < 3) continue;
            match_ = position - offset;
            match_length_ = same;
        }
    }

    void follow_match(Colour colour, int32_t position, int x) {
        offsets_[place(x, 0)] = 0;
        if (match_ < 0) return;
        if (image_.at(0, 0)[match_] != colour) {
            match_ = -1;
            return;
        }
        offsets_[place(x, 0)] = position - match_;
        match_length_ = std::min(match_length_ + 1, 60);
        ++match_;
    }

    // The distinct colours among the guesses, the likeliest first; their number.
    int rank() {
        int count = 0;
        std::array<uint32_t, kGuesses> odds;
        for (int k = 0; k < kGuesses; ++k) {
            if (guesses_[k].trust == 0) continue;
            const uint32_t one = agree_[0][k][std::min(guesses_[k].trust, 15u)].one;
            const uint32_t odd = one * 16 / (65536 - one);
            int i = 0;
            while (i < count && candidates_[i] != guesses_[k].colour) ++i;
            if (i == count) {
                candidates_[count] = guesses_[k].colour;
                odds[count++] = odd;
            } else {
                odds[i] += odd;
            }
        }
        const auto first = std::min(count, kRanks);
        for (int i = 0; i < first; ++i) {
            int best = i;
            for (int j = i + 1; j < count; ++j)
                if (odds[j] > odds[best]) best = j;
            std::swap(odds[i], odds[best]);
            std::swap(candidates_[i], candidates_[best]);
        }
        return first;
    }

    // Whether a candidate is right, as the guesses that name it and those that do not suggest.
    template <class Any>
    bool ask(Any& coder, int index, int history, bool right) {
        const int set = std::min(index, 1);
        std::array<Probability*, kGuesses + 1> contexts;
        for (int k = 0; k < kGuesses; ++k) {
            const uint32_t trust = std::min(guesses_[k].trust, 15u);
            auto& table = guesses_[k].colour == candidates_[index] ? agree_ : disagree_;
            contexts[k] = &table[set][k][trust];
        }
        contexts[kGuesses] = &history_[set][history];
        return coder.template bit<kGuesses + 1>(contexts, guess_weights_[set], right);
    }

    // The index of the candidate to take, or `count` for none.
    int choose(int count, int history, const Wish& wish) {
        if (wish.lambda <= 0) {
            for (int i = 0; i < count; ++i)
                if (largest_difference(candidates_[i], wish.source) <= wish.max_error) return i;
            return count;
        }
        int best = count;
        Estimator path;
        ask(path, 0, history, false);
        if (count > 1) path.bit(others_[history], 0);
        double least = wish.lambda * (path.cost() + miss_cost_) + bound_ * (bound_ + 1);
        path = {};
        for (int i = 0; i < count; ++i) {
            Estimator end = path;
            if (i == 0 || i + 1 < count) ask(end, i, history, true);
            const double cost =
                squared_difference(candidates_[i], wish.source) + wish.lambda * end.cost();
            if (cost < least &&
                largest_difference(candidates_[i], wish.source) <= wish.max_error) {
                least = cost;
                best = i;
            }
            if (i + 1 < count) ask(path, i, history, false);
            if (i == 0) path.bit(others_[history], 1);
        }
        return best;
    }

    int palette_index(Colour colour) const {
        const auto at = std::lower_bound(palette_.begin(), palette_.end(), colour);
        return at != palette_.end() && *at == colour ? static_cast<int>(at - palette_.begin()) : 0;
    }

    Colour from_palette(Colour w, Colour n, Colour nw, Colour ne, const Wish* wish) {
        const uint32_t a = palette_index(w), b = palette_index(n), c = palette_index(nw),
                       d = palette_index(ne);
        const std::array<uint32_t, kTrees> keys = {0, 1 + a, 257 + b, mixed(mixed(1, a), b),
                                                   mixed(mixed(mixed(mixed(2, a), b), c), d)};
        int wanted = 0;
        if constexpr (C::kEncodes) {
            int least = std::numeric_limits<int>::max();
            for (std::size_t i = 0; i < palette_.size(); ++i) {
                const int error = squared_difference(palette_[i], wish->source);
                if (error < least) least = error, wanted = static_cast<int>(i);
            }
        }
        int bits = 0;
        while ((std::size_t{1} << bits) < palette_.size()) ++bits;
        uint32_t node = 1;
        for (int i = bits - 1; i >= 0; --i) {
            std::array<Probability*, kTrees> contexts;
            for (std::size_t t = 0; t < kTrees; ++t) {
                const uint32_t slot = mixed(mixed(static_cast<uint32_t>(t), keys[t]), node) >> (32 - kTreeBits);
                contexts[t] = &trees_[(t << kTreeBits) + slot];
            }
            node = node << 1 | static_cast<uint32_t>(coder_.template bit<kTrees>(
                                   contexts, tree_weights_[i], wanted >> i & 1));
        }
        const std::size_t index = node - (std::size_t{1} << bits);
        return palette_[std::min(index, palette_.size() - 1)];
    }

    static int size_class(int value) {
        static constexpr std::array<uint8_t, 16> few = {0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7};
        if (value < 16) return few[value];
        return value < 24 ? 8 : value < 32 ? 9 : value < 48 ? 10 : value < 96 ? 11 : 12;
    }

    void samples(Colour* here, int x, const Wish* wish) {
        const Colour* base = base_.at(x, row_);
        std::array<int, 3> out{};
        int before = 0, signs = 0;
        for (const int c : {1, 0, 2}) {
            const auto value = [c](const Colour* p) { return channel(*p, c); };
            const Colour* up = here - image_.stride;
            const Colour* base_up = base - base_.stride;
            const int w = value(here - 1), n = value(up), nw = value(up - 1), ne = value(up + 1),
                      nn = value(up - image_.stride), ww = value(here - 2);
            const std::array<int, kPredictors> predictions = {
                8 * (w + n - nw),
                8 * n + 3 * (ne - nw) + (w - nw),
                6 * w + 4 * ne - n - nn + (ww - w),
                8 * (w + ne - n),
                8 * value(base) + 4 * (w - value(base - 1)) + 4 * (n - value(base_up)),
                2 * (w + n) + nw + ne + ww + nn,
            };
            auto& errors = errors_[c];
            const std::size_t now = place(x, 0), above = place(x, 1);
            int64_t weighted = 0, total = 0;
            for (int k = 0; k < kPredictors; ++k) {
                const auto error = [&](std::size_t at) {
                    return static_cast<int>(errors[at * kPredictors + k]);
                };
                const int sum = 2 * error(now - 1) + 2 * error(above) + error(above - 1) +
                                error(above + 1) + error(now - 2) + 1;
                const int64_t weight = (int64_t{1} << 24) / (static_cast<int64_t>(sum) * sum) + 1;
                weighted += weight * predictions[k];
                total += weight;
            }
            // Predictions may be negative: this rounds down.
            const int alone = static_cast<int>((weighted + 4096 * total) / total) - 4096;
            // What green missed by, the others do, as far as they did so before.
            const int more = c == 1 ? 0 : (likeness(now, above, c) * surprises_[1][now]) >> 8;
            const int predicted = std::clamp((alone + more + 4) >> 3, 0, 255);

            auto& sizes = sizes_[c];
            const int sw = sizes[now - 1], sn = sizes[above], snw = sizes[above - 1],
                      sne = sizes[above + 1], sww = sizes[now - 2];
            const int energy = size_class((2 * sw + 2 * sn + snw + sne + sww + 2 * before) / 2);
            const int gradient =
                size_class((std::abs(w - nw) + std::abs(n - nw) + std::abs(n - ne)) / (2 * bound_ + 1));
            Residual& model = residuals_[c];
            const int pattern = std::min(before, 3) * 16 + std::min(sw, 3) * 4 + std::min(sn, 3);
            const int step = 2 * bound_ + 1;
            int difference = 0;
            bool clipped = false;
            if constexpr (C::kEncodes) {
                const int exact = channel(wish->source, c) - predicted;
                difference = exact >= 0 ? (exact + bound_) / step : -((-exact + bound_) / step);
            }
            // Clipped samples come in crowds.
            int end = -1, ends = 0;
            for (const int near : {w, n, nw, ne}) {
                if (near != 0 && near != 255) continue;
                if (end < 0) end = near;
                ends += near == end;
            }
            if (end >= 0) {
                if constexpr (C::kEncodes) clipped = std::abs(channel(wish->source, c) - end) <= bound_;
                clipped = coder_.bit(model.clipped[ends - 1][std::min(before, 2)], clipped);
            }
            int sample = end;
            if (clipped) {
                difference = (end - predicted) / step;
            } else {
                difference = residual(model, energy, gradient, pattern, signs, difference);
                sample = std::clamp(predicted + difference * step, 0, 255);
            }
            out[c] = sample;
            before = std::abs(difference);
            signs = difference > 0 ? 1 : difference < 0 ? 2 : 0;
            sizes[now] = static_cast<int16_t>(std::min(before, 255));
            for (int k = 0; k < kPredictors; ++k)
                errors[now * kPredictors + k] = static_cast<int16_t>(
                    std::min(std::abs(predictions[k] - 8 * sample) >> 1, 4000));
            const int surprise = std::clamp(8 * sample - alone, -2040, 2040);
            surprises_[c][now] = static_cast<int16_t>(surprise);
            if (c != 1) {
                auto& [product, square] = products_[c / 2];
                product += surprise * surprises_[1][now] - product / 64;
                square += surprises_[1][now] * surprises_[1][now] - square / 64;
            }
        }
        here[0] = colour_of(out[0], out[1], out[2]);
    }

    // How much of green's surprise a channel shared, in 1/256.
    int likeness(std::size_t now, std::size_t above, int c) const {
        const auto& [product, square] = products_[c / 2];
        int64_t both = product / 16, green = square / 16 + 64;
        for (const std::size_t at : {now - 1, above, above - 1, above + 1, now - 2}) {
            const int64_t g = surprises_[1][at];
            both += g * surprises_[c][at];
            green += g * g;
        }
        return static_cast<int>(std::clamp<int64_t>(256 * both / green, 0, 320));
    }

    static constexpr int kClasses = 13, kLengths = 9;

    struct Residual {
        // By magnitude's binary digits: for each, whether there are more.
        std::array<std::array<Probability, kLengths>, kClasses> by_energy;
        std::array<std::array<Probability, kLengths>, kClasses * 4> by_gradient;
        std::array<std::array<Probability, kLengths>, 64> by_pattern;
        std::array<Weights<3>, kLengths> weights;
        std::array<Probability, 3> sign;
        std::array<std::array<Probability, 3>, 4> clipped;
        std::array<std::array<std::array<Probability, 4>, kLengths>, kClasses> digits;
    };

    int residual(Residual& model, int energy, int gradient, int pattern, int signs, int wanted) {
        const int wanted_size = std::abs(wanted);
        int length = 0;  // of the magnitude in binary
        while (length < kLengths - 1) {
            const std::array<Probability*, 3> contexts = {
                &model.by_energy[energy][length],
                &model.by_gradient[gradient * 4 + std::min(energy / 3, 3)][length],
                &model.by_pattern[pattern][length]};
            if (!coder_.template bit<3>(contexts, model.weights[length], wanted_size >> length != 0))
                break;
            ++length;
        }
        if (length == 0) return 0;
        int size = 1;
        for (int i = length - 2; i >= 0; --i) {
            const int digit = wanted_size >> i & 1;
            if (i >= length - 3) {
                const int place = i == length - 2 ? 0 : 2 + (size & 1);
                size = size << 1 | coder_.bit(model.digits[energy][length][place], digit);
            } else {
                size = size << 1 | static_cast<int>(coder_.raw(static_cast<uint32_t>(digit), 1));
            }
        }
        return coder_.bit(model.sign[signs], wanted < 0) ? -size : size;
    }

    C& coder_;
    Image& image_;
    const Image& base_;
    const int bound_;
    const std::vector<Colour> palette_;
    int row_ = 0;

    std::vector<Memory> far_, near_, pair_;
    std::vector<int32_t> last_, offsets_;
    int32_t match_ = -1;
    int match_length_ = 0;
    struct Guess {
        Colour colour;
        uint32_t trust;
    };
    std::array<Guess, kGuesses> guesses_{};
    std::array<Colour, kGuesses> candidates_{};
    std::vector<uint8_t> hits_;
    // By rank (the first or another), guess and trust.
    std::array<std::array<std::array<Probability, 16>, kGuesses>, 2> agree_, disagree_;
    std::array<std::array<Probability, 16>, 2> history_;
    std::array<Probability, 16> others_;
    std::array<Weights<kGuesses + 1>, 2> guess_weights_;
    double miss_cost_ = 12;

    std::vector<Probability> trees_;
    std::array<Weights<kTrees>, 11> tree_weights_;

    std::array<std::vector<int16_t>, 3> errors_, sizes_, surprises_;
    std::array<std::pair<int64_t, int64_t>, 2> products_{};
    std::array<Residual, 3> residuals_;
};

}  // namespace lic::residual
