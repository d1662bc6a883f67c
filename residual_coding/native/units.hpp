// All units of a tile that are coded as blocks, one after the other; the encoder's choices too.
#pragma once

#include "blocks.hpp"
#include "pixels.hpp"
#include "tile.hpp"

namespace lic::residual {

// A unit as it is coded, and what that gives.
struct Unit {
    int kind = kBase;
    int side = kUnit;
    bool coded = false;
    std::array<Channels, 4> levels;  // of one block, or of four
    std::array<Colour, kUnit * kUnit> pixels;
    double squared_error = 0;
    double bits = 0;
};

template <class C>
class UnitModel {
   public:
    UnitModel(C& coder, Image& image, const Image& base, int step, bool independent)
        : coder_(coder), image_(image), base_(base), steps_(channel_steps(step, independent)),
          independent_(independent), columns_((image.width + kUnit - 1) / kUnit),
          neighbours_(static_cast<std::size_t>(columns_) + 1) {}

    // Codes the unit at (x0, y0) and writes its pixels. `unit` is what to encode.
    void code(int x0, int y0, Unit& unit) {
        code_syntax(coder_, x0, y0, unit);
        if constexpr (C::kEncodes) {
            put(x0, y0, unit.pixels);
        } else {
            Channels prediction;
            for (int i = 0; i < blocks(unit); ++i) {
                const auto [x, y] = corner(x0, y0, unit, i);
                Predictor(image_, base_, x, y, unit.side).predict(unit.kind, prediction);
                reconstruct(x, y, unit.side, prediction, unit.levels[i], unit.coded);
            }
        }
        remember(x0, y0, unit);
    }

    // A unit that is not coded as blocks leaves its neighbours nothing to learn from.
    void skip(int x0, int y0) { remember(x0, y0, Unit{}); }

    // The best way to code the unit at (x0, y0).
    Unit choose(int x0, int y0, const Image& source, const Request& request) {
        std::array<Colour, kUnit * kUnit> before;
        take(x0, y0, before);
        std::array<std::pair<int, int>, kPredictions> order;
        for (int kind = 0; kind < kPredictions; ++kind)
            order[kind] = {distance(x0, y0, kind, source), kind};
        std::sort(order.begin() + 1, order.end());
        Unit best;
        double least = std::numeric_limits<double>::infinity();
        const auto consider = [&](int kind, int side, bool coded) {
            Unit unit;
            unit.kind = kind;
            unit.side = side;
            unit.coded = coded;
            attempt(x0, y0, source, request, unit);
            put(x0, y0, before);
            const double cost = unit.squared_error + request.lambda * unit.bits;
            if (cost >= least) return;
            least = cost;
            best = unit;
        };
        consider(kBase, kUnit, false);
        // What is this good needs no more.
        if (least < kGood * request.lambda) return best;
        for (int i = 0; i < 3; ++i) {
            if (i == 2 && order[2].first > 2 * order[1].first) break;
            const int kind = order[i].second;
            if (i == 0 && order[0].first > 2 * order[1].first) continue;
            if (kind != kBase) consider(kind, kUnit, false);
            consider(kind, kUnit, true);
            consider(kind, kUnit / 2, true);
        }
        return best;
    }

   private:
    struct Neighbour {
        int kind = kPredictions;  // of no unit
        bool coded = false, halved = false;
    };

    static int blocks(const Unit& unit) { return unit.side == kUnit ? 1 : 4; }
    static std::pair<int, int> corner(int x0, int y0, const Unit& unit, int block) {
        return {x0 + block % 2 * unit.side, y0 + block / 2 * unit.side};
    }

    void remember(int x0, int, const Unit& unit) {
        const Neighbour now{unit.kind, unit.coded, unit.side != kUnit};
        neighbours_[static_cast<std::size_t>(x0 / kUnit) + 1] = now;
    }

    template <class Any>
    void code_syntax(Any& coder, int x0, int y0, Unit& unit) {
        const Neighbour left = x0 ? neighbours_[static_cast<std::size_t>(x0 / kUnit)] : Neighbour{};
        const Neighbour above =
            y0 ? neighbours_[static_cast<std::size_t>(x0 / kUnit) + 1] : Neighbour{};
        int node = 1;
        auto& tree = kinds_[left.kind];
        for (int i = 2; i >= 0; --i)
            node = node << 1 | coder.bit(tree[node], unit.kind >> i & 1, 100);
        unit.kind = node & 7;
        unit.coded = coder.bit(coded_[left.coded + 2 * above.coded], unit.coded, 100);
        if (!unit.coded) {
            unit.side = kUnit;
            return;
        }
        unit.side = coder.bit(halved_[left.halved + above.halved], unit.side != kUnit, 100)
                        ? kUnit / 2
                        : kUnit;
        auto& model = levels_[unit.side == kUnit];
        for (int i = 0; i < blocks(unit); ++i) {
            int around = 0;
            for (int c = 0; c < 3; ++c)
                around +=
                    code_levels(coder, model.channels[c], unit.levels[i][c], unit.side, around);
        }
    }

    void reconstruct(int x0, int y0, int side, const Channels& prediction, const Channels& levels,
                     bool coded) {
        Channels error;
        if (coded) {
            for (int c = 0; c < 3; ++c) {
                bool any = false;
                for (int i = 0; i < side * side; ++i) {
                    const int64_t value = static_cast<int64_t>(levels[c][i]) * steps_[c];
                    error[c][i] = static_cast<int32_t>(
                        std::clamp<int64_t>(value, -kCoefficientLimit, kCoefficientLimit));
                    any |= value != 0;
                }
                if (!any) continue;
                if (side == 8)
                    inverse_transform<8>(error[c]);
                else
                    inverse_transform<16>(error[c]);
            }
        }
        const int height = std::min(side, image_.height - y0),
                  width = std::min(side, image_.width - x0);
        for (int y = 0; y < height; ++y) {
            for (int x = 0; x < width; ++x) {
                const int i = y * side + x;
                std::array<int, 3> add{};
                if (coded) {
                    if (independent_) {
                        add = {error[0][i], error[1][i], error[2][i]};
                    } else {
                        const int rest = error[0][i] - error[2][i];
                        add = {rest + error[1][i], error[0][i] + error[2][i], rest - error[1][i]};
                    }
                }
                std::array<int, 3> sample;
                for (int c = 0; c < 3; ++c)
                    sample[c] = std::clamp(prediction[c][i] + ((add[c] + 8) >> 4), 0, 255);
                *image_.at(x0 + x, y0 + y) = colour_of(sample[0], sample[1], sample[2]);
            }
        }
    }

    template <class Function>
    void each(int x0, int y0, Function function) {
        const int height = std::min(kUnit, image_.height - y0),
                  width = std::min(kUnit, image_.width - x0);
        for (int y = 0; y < height; ++y)
            for (int x = 0; x < width; ++x) function(x, y, *image_.at(x0 + x, y0 + y));
    }
    void take(int x0, int y0, std::array<Colour, kUnit * kUnit>& pixels) {
        each(x0, y0, [&](int x, int y, Colour& colour) { pixels[y * kUnit + x] = colour; });
    }
    void put(int x0, int y0, const std::array<Colour, kUnit * kUnit>& pixels) {
        each(x0, y0, [&](int x, int y, Colour& colour) { colour = pixels[y * kUnit + x]; });
    }

    static Colour source_at(const Image& source, int x, int y) {
        return *source.at(std::min(x, source.width - 1), std::min(y, source.height - 1));
    }

    // How far a prediction is from the source, by absolute differences.
    int distance(int x0, int y0, int kind, const Image& source) {
        Channels prediction;
        Predictor(image_, base_, x0, y0, kUnit).predict(kind, prediction);
        int sum = 0;
        for (int y = 0; y < kUnit; ++y)
            for (int x = 0; x < kUnit; ++x)
                for (int c = 0; c < 3; ++c)
                    sum += std::abs(channel(source_at(source, x0 + x, y0 + y), c) -
                                    prediction[c][y * kUnit + x]);
        return sum;
    }

    // Codes a unit on trial.
    void attempt(int x0, int y0, const Image& source, const Request& request, Unit& unit) {
        Channels prediction;
        for (int i = 0; i < blocks(unit); ++i) {
            const auto [x, y] = corner(x0, y0, unit, i);
            Predictor(image_, base_, x, y, unit.side).predict(unit.kind, prediction);
            if (unit.coded) quantize(x, y, source, request, prediction, unit.side, unit.levels[i]);
            reconstruct(x, y, unit.side, prediction, unit.levels[i], unit.coded);
        }
        Estimator estimator;
        code_syntax(estimator, x0, y0, unit);
        unit.bits = estimator.cost();
        int64_t sum = 0;
        each(x0, y0, [&](int x, int y, Colour& colour) {
            sum += squared_difference(colour, *source.at(x0 + x, y0 + y));
        });
        unit.squared_error = static_cast<double>(sum);
        take(x0, y0, unit.pixels);
    }

    void quantize(int x0, int y0, const Image& source, const Request& request,
                  const Channels& prediction, int side, Channels& levels) {
        std::array<std::array<float, kLargest * kLargest>, 3> samples, frequencies;
        for (int y = 0; y < side; ++y) {
            for (int x = 0; x < side; ++x) {
                const Colour colour = source_at(source, x0 + x, y0 + y);
                const int i = y * side + x;
                std::array<float, 3> e;
                for (int c = 0; c < 3; ++c)
                    e[c] = static_cast<float>(channel(colour, c) - prediction[c][i]);
                if (independent_) {
                    for (int c = 0; c < 3; ++c) samples[c][i] = 16 * e[c];
                } else {
                    samples[0][i] = 4 * (e[0] + 2 * e[1] + e[2]);
                    samples[1][i] = 8 * (e[0] - e[2]);
                    samples[2][i] = 4 * (2 * e[1] - e[0] - e[2]);
                }
            }
        }
        int around = 0;
        for (int c = 0; c < 3; ++c) {
            if (side == 8)
                forward_transform<8>(samples[c], frequencies[c]);
            else
                forward_transform<16>(samples[c], frequencies[c]);
            // The error of a whole level, in the pixels' squared error.
            const double step = steps_[c];
            const double unit = (independent_ ? 1 : c == 1 ? 2 : 3) * step * step / 256;
            auto& model = levels_[side == kUnit].channels[c];
            std::array<float, kLargest * kLargest> values;
            for (int i = 0; i < side * side; ++i)
                values[i] = frequencies[c][i] / static_cast<float>(step);
            const double worth = request.lambda / unit;
            const double with = choose_levels(model, values, side, worth, levels[c]);
            double without = 0;
            for (int i = 0; i < side * side; ++i) without += values[i] * values[i];
            // Levels that cost more than they mend are left out.
            Estimator bits, none;
            code_levels(bits, model, levels[c], side, around);
            none.bit(model.coded[around], 0);
            if (without + worth * none.cost() <= with + worth * bits.cost())
                levels[c].fill(0);
            else
                ++around;
        }
    }

    // Levels for values in units of the step, from the highest frequency down as they are coded,
    // each the best of the nearest and the next one to zero: `worth` is what a bit is worth in
    // squared steps. Returns the squared error.
    static double choose_levels(LevelModel::Channel& model,
                                const std::array<float, kLargest * kLargest>& values, int side,
                                double worth, Block& levels) {
        const Scan& order = scan(side);
        std::array<int32_t, (kLargest + 2) * (kLargest + 2)> sizes{};
        const int stride = side + 2;
        bool any = false;
        double error = 0;
        for (int i = side * side - 1; i >= 0; --i) {
            const int y = order.row[i], x = order.column[i];
            const double value = std::abs(values[y * side + x]);
            int32_t* size = &sizes[y * stride + x];
            const int near = size[1] + size[2] + size[stride] + size[2 * stride] + size[stride + 1];
            const auto nearest = static_cast<int32_t>(value + 0.5);
            double least = std::numeric_limits<double>::infinity(), best_error = value * value;
            for (int32_t level = nearest; nearest > 0 && level >= nearest - 1; --level) {
                Estimator coder;
                if (any) code_coded(coder, model, x, y, side, near, level != 0);
                if (level) {
                    code_size(coder, model, near, level);
                    coder.raw(0, 1);
                }
                const double rest = (value - level) * (value - level);
                const double cost = rest + worth * coder.cost();
                if (cost >= least) continue;
                least = cost;
                best_error = rest;
                *size = level;
            }
            any |= *size != 0;
            levels[y * side + x] = values[y * side + x] < 0 ? -*size : *size;
            error += best_error;
        }
        return error;
    }

    static constexpr double kGood = 12;  // bits' worth of error

    C& coder_;
    Image& image_;
    const Image& base_;
    const std::array<int, 3> steps_;
    const bool independent_;
    const int columns_;
    std::vector<Neighbour> neighbours_;
    std::array<std::array<Probability, 8>, kPredictions + 1> kinds_;
    std::array<Probability, 4> coded_;
    std::array<Probability, 3> halved_;
    std::array<LevelModel, 2> levels_;
};

}  // namespace lic::residual
