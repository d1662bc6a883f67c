// Units of 16 x 16 pixels that are predicted and corrected by a transform.
//
// A unit's prediction is the network's picture or comes from the pixels around it; the difference
// from the source is transformed, quantized and coded. FORMAT.md, "Blocks", defines all of it.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include "binary_coder.hpp"
#include "image.hpp"
#include "transform.hpp"

namespace lic::residual {

inline constexpr int kUnit = 16;
enum Prediction : int {
    kBase,
    kMean,
    kPlane,
    kVertical,
    kHorizontal,
    kGradient,
    kSmooth,
    kDiagonal
};
inline constexpr int kPredictions = 8;

using Channels = std::array<Block, 3>;

// What pixels around a block of side S predict for it.
class Predictor {
   public:
    Predictor(const Image& image, const Image& base, int x0, int y0, int side)
        : base_(base), x0_(x0), y0_(y0), side_(side) {
        const auto inside = [&](int x, int y) {
            return *image.at(std::min(x, image.width - 1), std::min(y, image.height - 1));
        };
        const Colour none = colour_of(128, 128, 128);
        const bool above = y0 > 0, left = x0 > 0;
        for (int i = 0; i < 2 * side; ++i)
            top_[i] = above ? inside(x0 + i, y0 - 1) : left ? inside(x0 - 1, y0) : none;
        for (int i = 0; i < side; ++i)
            left_[i] = left ? inside(x0 - 1, y0 + i) : above ? inside(x0, y0 - 1) : none;
        corner_ = above && left ? inside(x0 - 1, y0 - 1) : above ? top_[0] : left_[0];
    }

    void predict(int kind, Channels& out) const {
        for (int c = 0; c < 3; ++c) predict(kind, c, out[c]);
    }

   private:
    void predict(int kind, int c, Block& out) const {
        const int s = side_;
        std::array<int, 2 * kLargest> top;
        std::array<int, kLargest> left;
        for (int i = 0; i < 2 * s; ++i) top[i] = channel(top_[i], c);
        for (int i = 0; i < s; ++i) left[i] = channel(left_[i], c);
        const int corner = channel(corner_, c);
        int mean = s, slope_x = 0, slope_y = 0;
        if (kind == kMean) {
            for (int i = 0; i < s; ++i) mean += top[i] + left[i];
            mean /= 2 * s;
        } else if (kind == kPlane) {
            const int half = s / 2;
            for (int i = 1; i <= half; ++i) {
                slope_x += i * (top[half - 1 + i] - (i < half ? top[half - 1 - i] : corner));
                slope_y += i * (left[half - 1 + i] - (i < half ? left[half - 1 - i] : corner));
            }
            const int scale = s == 8 ? 17 : 5, shift = s == 8 ? 5 : 6;
            slope_x = (scale * slope_x + (1 << (shift - 1))) >> shift;
            slope_y = (scale * slope_y + (1 << (shift - 1))) >> shift;
        }
        for (int y = 0; y < s; ++y) {
            for (int x = 0; x < s; ++x) {
                int value = 0;
                switch (kind) {
                    case kBase:
                        value = channel(*base_.at(std::min(x0_ + x, base_.width - 1),
                                                  std::min(y0_ + y, base_.height - 1)),
                                        c);
                        break;
                    case kMean:
                        value = mean;
                        break;
                    case kPlane:
                        value = (16 * (top[s - 1] + left[s - 1]) + slope_x * (x - s / 2 + 1) +
                                 slope_y * (y - s / 2 + 1) + 16) >>
                                5;
                        break;
                    case kVertical:
                        value = top[x];
                        break;
                    case kHorizontal:
                        value = left[y];
                        break;
                    case kGradient:
                        value = top[x] + left[y] - corner;
                        break;
                    case kSmooth:
                        value = ((s - 1 - x) * left[y] + (x + 1) * top[s - 1] +
                                 (s - 1 - y) * top[x] + (y + 1) * left[s - 1] + s) /
                                (2 * s);
                        break;
                    default:
                        value = (top[x + y] + 2 * top[std::min(x + y + 1, 2 * s - 1)] +
                                 top[std::min(x + y + 2, 2 * s - 1)] + 2) >>
                                2;
                }
                out[y * s + x] = std::clamp(value, 0, 255);
            }
        }
    }

    const Image& base_;
    const int x0_, y0_, side_;
    std::array<Colour, 2 * kLargest> top_;
    std::array<Colour, kLargest> left_;
    Colour corner_;
};

// Places of a block in the order of its frequencies.
struct Scan {
    std::array<uint8_t, kLargest * kLargest> row, column;
    explicit Scan(int side) {
        int i = 0;
        for (int d = 0; d < 2 * side - 1; ++d)
            for (int k = std::max(0, d - side + 1); k <= std::min(d, side - 1); ++k, ++i) {
                row[i] = static_cast<uint8_t>(d % 2 ? k : d - k);
                column[i] = static_cast<uint8_t>(d % 2 ? d - k : k);
            }
    }
};

inline const Scan& scan(int side) {
    static const Scan eight(8), sixteen(16);
    return side == 8 ? eight : sixteen;
}

// Steps of the three channels for a step of samples; all in 1/16.
inline std::array<int, 3> channel_steps(int step, bool independent) {
    if (independent) return {step, step, step};
    // The three channels' errors weigh 3, 2 and 3 in those of red, green and blue.
    return {std::max(step * 148 >> 8, 1), std::max(step * 181 >> 8, 1),
            std::max(step * 148 >> 8, 1)};
}

// Probabilities of the levels of blocks of one side.
struct LevelModel {
    struct Channel {
        std::array<Probability, 3> coded;
        NumberModel last;
        std::array<std::array<Probability, 8>, 6> by_neighbours;
        std::array<std::array<Probability, 3>, kLargest * kLargest> by_place;
        std::array<Weights<2>, 6> weights;
        std::array<NumberModel, 8> magnitude;
    };
    std::array<Channel, 3> channels;
};

// Whether the level at (x, y) is not zero; `near` is the sum of its neighbours' sizes.
template <class C, class Model>
bool code_coded(C& coder, Model& model, int x, int y, int side, int near, bool coded) {
    const int place = std::min(x + y, 5);
    const std::array contexts = {&model.by_neighbours[place][std::min(near, 7)],
                                 &model.by_place[y * side + x][std::min(near, 2)]};
    return coder.template bit<2>(contexts, model.weights[place], coded);
}

// The size of a level that is not zero.
template <class C, class Model>
int32_t code_size(C& coder, Model& model, int near, int32_t size) {
    const uint32_t beyond = code_number(coder, model.magnitude[std::min(near / 2, 7)],
                                        static_cast<uint32_t>(std::max(size - 1, 0)));
    return static_cast<int32_t>(std::min<uint32_t>(beyond, 1 << 20)) + 1;
}

// The levels of a block, all of one channel; `around` counts neighbours and channels with levels.
template <class C>
bool code_levels(C& coder, LevelModel::Channel& model, Block& levels, int side, int around) {
    const Scan& order = scan(side);
    int last = -1;
    if constexpr (C::kEncodes)
        for (int i = 0; i < side * side; ++i)
            if (levels[order.row[i] * side + order.column[i]]) last = i;
    if (!coder.bit(model.coded[around], last >= 0)) {
        levels.fill(0);
        return false;
    }
    last = static_cast<int>(
        std::min<uint32_t>(code_number(coder, model.last, static_cast<uint32_t>(std::max(last, 0))),
                           static_cast<uint32_t>(side * side - 1)));
    // Two more on each side, for the neighbours of higher frequencies.
    std::array<int32_t, (kLargest + 2) * (kLargest + 2)> sizes{};
    const int stride = side + 2;
    if constexpr (!C::kEncodes) levels.fill(0);
    for (int i = last; i >= 0; --i) {
        const int y = order.row[i], x = order.column[i];
        int32_t* size = &sizes[y * stride + x];
        const int near = size[1] + size[2] + size[stride] + size[2 * stride] + size[stride + 1];
        int32_t& level = levels[y * side + x];
        if (i < last && !code_coded(coder, model, x, y, side, near, level != 0)) continue;
        *size = code_size(coder, model, near, std::abs(level));
        level = coder.raw(level < 0, 1) ? -*size : *size;
    }
    return true;
}

}  // namespace lic::residual
