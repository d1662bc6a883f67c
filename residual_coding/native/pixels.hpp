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
#include "samples.hpp"

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
        : coder_(coder), image_(image), bound_(bound), palette_(std::move(palette)),
          far_(1 << kFarBits), near_(1 << kNearBits), pair_(1 << kPairBits), last_(1 << kFarBits),
          offsets_(2 * row_size()), hits_(2 * row_size()), samples_(coder, image, base, bound) {
        if (!palette_.empty()) trees_.resize(kTrees << kTreeBits);
    }

    // Must be called before the pixels of each row.
    void begin_row(int y) {
        row_ = y;
        samples_.begin_row(y);
        for (int i = 1; i <= Image::kBorder; ++i) {
            image_.at(-i, y)[0] = y ? image_.at(0, y - 1)[0] : 0;
            image_.at(image_.width - 1 + i, y)[0] = y ? image_.at(image_.width - 1, y - 1)[0] : 0;
        }
        std::fill_n(hits_.begin() + place(0, 0) - Image::kBorder, row_size(), 0);
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
                here[0] = samples_.code(x, C::kEncodes ? wish->source : 0);
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
            if (pair[1].colour == colour)
                std::swap(pair[0], pair[1]);
            else
                pair[1] = std::exchange(pair[0], Memory{});
        }
        pair[0].learn(colour);
    }

   private:
    static constexpr int kFarBits = 17, kNearBits = 16, kPairBits = 15;
    static constexpr int kGuesses = 9, kRanks = 6;
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
        for (const int32_t offset :
             {offsets_[place(x, 1)], offsets_[place(x, 1) + 1], position - last}) {
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
            if (cost < least && largest_difference(candidates_[i], wish.source) <= wish.max_error) {
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
                const uint32_t slot =
                    mixed(mixed(static_cast<uint32_t>(t), keys[t]), node) >> (32 - kTreeBits);
                contexts[t] = &trees_[(t << kTreeBits) + slot];
            }
            node = node << 1 | static_cast<uint32_t>(coder_.template bit<kTrees>(
                                   contexts, tree_weights_[i], wanted >> i & 1));
        }
        const std::size_t index = node - (std::size_t{1} << bits);
        return palette_[std::min(index, palette_.size() - 1)];
    }

    C& coder_;
    Image& image_;
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
    SampleModel<C> samples_;
};

}  // namespace lic::residual
