// Three samples of a pixel, each coded by its difference from a prediction.
//
// For colours that nothing suggests: photographs without loss, and noise. FORMAT.md, "Samples",
// defines all of it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>
#include <vector>

#include "binary_coder.hpp"
#include "image.hpp"

namespace lic::residual {

template <class C>
class SampleModel {
   public:
    // `base` helps to predict the pixels of `image`. `bound` is how far a coded sample may be off:
    // differences are quantized in steps of 2 bound + 1.
    SampleModel(C& coder, const Image& image, const Image& base, int bound)
        : coder_(coder), image_(image), base_(base), bound_(bound) {
        for (auto& row : errors_) row.assign(2 * row_size() * kPredictors, kUnknownError);
        for (auto* rows : {&sizes_, &surprises_})
            for (auto& row : *rows) row.assign(2 * row_size(), 0);
    }

    // Must be called before the pixels of each row.
    void begin_row(int y) {
        row_ = y;
        const std::size_t start = place(0, 0) - Image::kBorder;
        for (auto& row : errors_)
            std::fill_n(row.begin() + start * kPredictors, row_size() * kPredictors, kUnknownError);
        for (auto* rows : {&sizes_, &surprises_})
            for (auto& row : *rows) std::fill_n(row.begin() + start, row_size(), 0);
    }

    // The colour of the pixel in column x; `source` is what an encoder wants.
    Colour code(int x, Colour source) {
        const Colour* here = image_.at(x, row_);
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
            const int gradient = size_class(
                (std::abs(w - nw) + std::abs(n - nw) + std::abs(n - ne)) / (2 * bound_ + 1));
            Residual& model = residuals_[c];
            const int pattern = std::min(before, 3) * 16 + std::min(sw, 3) * 4 + std::min(sn, 3);
            const int step = 2 * bound_ + 1;
            int difference = 0;
            bool clipped = false;
            if constexpr (C::kEncodes) {
                const int exact = channel(source, c) - predicted;
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
                if constexpr (C::kEncodes) clipped = std::abs(channel(source, c) - end) <= bound_;
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
        return colour_of(out[0], out[1], out[2]);
    }

   private:
    static constexpr int kPredictors = 6;
    static constexpr int kUnknownError = 4;

    std::size_t row_size() const { return static_cast<std::size_t>(image_.stride); }
    // The place of column x in arrays of two rows: this one (0) or the one above (1).
    std::size_t place(int x, int up) const {
        return ((row_ - up) & 1) * row_size() + Image::kBorder + x;
    }

    static int size_class(int value) {
        static constexpr std::array<uint8_t, 16> few = {0, 1, 2, 3, 4, 4, 5, 5,
                                                        6, 6, 6, 6, 7, 7, 7, 7};
        if (value < 16) return few[value];
        return value < 24 ? 8 : value < 32 ? 9 : value < 48 ? 10 : value < 96 ? 11 : 12;
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
            if (!coder_.template bit<3>(contexts, model.weights[length],
                                        wanted_size >> length != 0))
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
    const Image& image_;
    const Image& base_;
    const int bound_;
    int row_ = 0;
    // By channel: of two rows of pixels, each predictor's error, the difference's size, and what a
    // prediction without the other channels missed by.
    std::array<std::vector<int16_t>, 3> errors_, sizes_, surprises_;
    // Of red and blue: sums of surprises times green's, and of green's squares, that fade.
    std::array<std::pair<int64_t, int64_t>, 2> products_{};
    std::array<Residual, 3> residuals_;
};

}  // namespace lic::residual
