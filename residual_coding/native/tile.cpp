#include "tile.hpp"

#include <algorithm>
#include <memory>
#include <optional>

#include "units.hpp"

namespace lic::residual {
namespace {

constexpr std::size_t kMaximumPalette = 2048;
constexpr int kEverything = 255;  // no bound on a sample's error

// What a tile's stream says before its pixels.
struct Header {
    bool pixels = false;  // whether units are coded pixel by pixel
    bool blocks = false;  // whether units are coded as blocks
    bool independent = false;
    int step = 1;
    int bound = 0;
    std::vector<Colour> palette;
};

template <class C>
void code_palette(C& coder, std::vector<Colour>& palette) {
    NumberModel blue, green, red;
    const uint32_t size =
        coder.raw(static_cast<uint32_t>(palette.empty() ? 0 : palette.size() - 1), 11);
    palette.resize(size + 1);
    Colour before = 0;
    // They are sorted: what a colour shares with the one before it costs little.
    for (Colour& colour : palette) {
        const auto next = [&](NumberModel& model, int c, bool same) {
            const int start = same ? channel(before, c) : 0;
            const uint32_t more = static_cast<uint32_t>(std::max(channel(colour, c) - start, 0));
            return std::min(start + static_cast<int>(code_number(coder, model, more, 30)), 255);
        };
        const int b = next(blue, 2, true);
        const bool same_blue = b == channel(before, 2);
        const int g = next(green, 1, same_blue);
        const int r = next(red, 0, same_blue && g == channel(before, 1));
        before = colour = colour_of(r, g, b);
    }
}

template <class C>
void code_header(C& coder, Header& header) {
    header.pixels = coder.raw(header.pixels, 1);
    header.blocks = coder.raw(header.blocks, 1);
    if (header.blocks) {
        header.independent = coder.raw(header.independent, 1);
        header.step = static_cast<int>(coder.raw(static_cast<uint32_t>(header.step), 16));
    }
    if (header.pixels) {
        header.bound = static_cast<int>(coder.raw(static_cast<uint32_t>(header.bound), 7));
        if (coder.raw(!header.palette.empty(), 1)) code_palette(coder, header.palette);
    }
}

// For each unit whether it is coded pixel by pixel.
class Map {
   public:
    Map(int height, int width)
        : columns((width + kUnit - 1) / kUnit), rows((height + kUnit - 1) / kUnit),
          by_pixel_(static_cast<std::size_t>(columns) * rows) {}

    uint8_t& at(int column, int row) {
        return by_pixel_[static_cast<std::size_t>(row) * columns + column];
    }

    template <class C>
    void code(C& coder) {
        std::array<Probability, 4> models;
        for (int row = 0; row < rows; ++row)
            for (int column = 0; column < columns; ++column) {
                const int around =
                    (column ? at(column - 1, row) : 0) + 2 * (row ? at(column, row - 1) : 0);
                at(column, row) =
                    static_cast<uint8_t>(coder.bit(models[around], at(column, row), 60));
            }
    }

    void fill(bool value) { std::fill(by_pixel_.begin(), by_pixel_.end(), value); }
    std::size_t count() const { return std::count(by_pixel_.begin(), by_pixel_.end(), 1); }
    std::size_t size() const { return by_pixel_.size(); }

    const int columns, rows;

   private:
    std::vector<uint8_t> by_pixel_;
};

// Calls function(x, y) for the pixels of the map's units, row by row; starts rows with begin(y).
template <class Begin, class Function>
void each_pixel(Map& map, int height, int width, Begin begin, Function function) {
    for (int y = 0; y < height; ++y) {
        begin(y);
        for (int column = 0; column < map.columns; ++column) {
            if (!map.at(column, y / kUnit)) continue;
            const int end = std::min((column + 1) * kUnit, width);
            for (int x = column * kUnit; x < end; ++x) function(x, y);
        }
    }
}

Image base_image(const uint8_t* base, int height, int width) {
    if (base) return Image(base, height, width);
    const std::vector<uint8_t> gray(static_cast<std::size_t>(height) * width * 3, 128);
    return Image(gray.data(), height, width);
}

// The colours of a map's units, sorted; empty if there are too many for a palette.
std::vector<Colour> find_palette(const Image& source, Map& map) {
    std::vector<Colour> found;
    bool many = false;
    each_pixel(
        map, source.height, source.width, [](int) {},
        [&](int x, int y) {
            if (many) return;
            const Colour colour = *source.at(x, y);
            const auto at = std::lower_bound(found.begin(), found.end(), colour);
            if (at != found.end() && *at == colour) return;
            if (found.size() == kMaximumPalette)
                many = true;
            else
                found.insert(at, colour);
        });
    if (many) found.clear();
    return found;
}

struct Attempt {
    Encoder coder;
    std::unique_ptr<Image> image;
    Header header;
};

class TileEncoder {
   public:
    TileEncoder(const Picture& picture, const uint8_t* base, const Request& request)
        : request_(request), source_(picture.rgb, picture.height, picture.width),
          base_(base_image(base, picture.height, picture.width)), alone_(!base),
          independent_(are_independent(source_, request.step)), map_(picture.height, picture.width),
          costs_(map_.size()) {}

    Coded encode(uint8_t* decoded) {
        std::unique_ptr<Attempt> best;
        if (request_.max_error < kEverything) {
            map_.fill(true);
            best = by_pixels(false);
        } else {
            best = mixed(false);
            map_.fill(true);
            const bool few = !find_palette(source_, map_).empty();
            if (alone_ && !few) {
                auto other = mixed(true);
                if (cost_of(*other) < cost_of(*best)) best = std::move(other);
            }
            if (few) {
                map_.fill(true);
                auto all = exactly([&] { return by_pixels(false); });
                if (cost_of(*all) < cost_of(*best)) best = std::move(all);
            }
        }
        best->image->to_bytes(decoded);
        return {best->coder.finish(), error_of(*best)};
    }

   private:
    double error_of(const Attempt& attempt) const {
        double error = 0;
        for (int y = 0; y < source_.height; ++y)
            for (int x = 0; x < source_.width; ++x)
                error += squared_difference(*attempt.image->at(x, y), *source_.at(x, y));
        return error;
    }

    double cost_of(const Attempt& attempt) const {
        return error_of(attempt) + request_.lambda * attempt.coder.cost();
    }

    // Pixels and blocks, whichever is better for each unit; pixels for any unit, or for those that
    // repeat their neighbours.
    std::unique_ptr<Attempt> mixed(bool any) {
        suit_pixels(any);
        // Few colours are cheaper without loss: what is known of them stays true.
        const bool few = !find_palette(source_, map_).empty();
        const auto pixels_of = [&](bool beside_blocks) {
            const auto function = [&] { return by_pixels(beside_blocks); };
            return few ? exactly(function) : function();
        };
        auto pixels = map_.count() ? pixels_of(false) : nullptr;
        auto best = decide(pixels.get());
        const std::size_t count = map_.count();
        if (count == map_.size()) return pixels;
        if (count > 0) {
            best = pixels_of(true);
            blocks(*best);
        }
        return best;
    }

    // What a function gives if no loss is asked for.
    template <class Function>
    std::unique_ptr<Attempt> exactly(Function function) {
        const Request asked = std::exchange(request_, Request{request_.step, 0, 0, 0});
        auto result = function();
        request_ = asked;
        return result;
    }

    // Marks the units that may well be coded pixel by pixel: any, or those that repeat their
    // neighbours.
    void suit_pixels(bool any) {
        map_.fill(false);
        std::vector<int> repeated(map_.size());
        for (int y = 1; y < source_.height; ++y)
            for (int x = 1; x < source_.width; ++x) {
                const Colour here = *source_.at(x, y);
                repeated[unit_index(x, y)] +=
                    here == *source_.at(x - 1, y) || here == *source_.at(x, y - 1);
            }
        for (int row = 0; row < map_.rows; ++row)
            for (int column = 0; column < map_.columns; ++column)
                map_.at(column, row) =
                    any || repeated[static_cast<std::size_t>(row) * map_.columns + column] >
                               kUnit * kUnit / 3;
    }

    // Whether red, green and blue have less in common than their sum and differences would cost.
    static bool are_independent(const Image& image, int step) {
        double apart = 0, together = 0;
        const double unit = step / 16.0;
        const auto bits = [&](int value, double scale) {
            return std::log2(1 + std::abs(value) * scale / unit);
        };
        for (int y = 1; y < image.height; y += 2)
            for (int x = 1; x < image.width; ++x) {
                std::array<int, 3> e;
                for (int c = 0; c < 3; ++c)
                    e[c] = channel(*image.at(x, y), c) - channel(*image.at(x - 1, y), c) -
                           channel(*image.at(x, y - 1), c) + channel(*image.at(x - 1, y - 1), c);
                for (const int value : e) apart += bits(value, 1);
                together += bits(e[0] + 2 * e[1] + e[2], std::sqrt(3.0) / 4) +
                            bits(e[0] - e[2], std::sqrt(2.0) / 2) +
                            bits(2 * e[1] - e[0] - e[2], std::sqrt(3.0) / 4);
            }
        return apart < together;
    }

    // The map's units pixel by pixel, with a palette if that is better.
    std::unique_ptr<Attempt> by_pixels(bool beside_blocks) {
        std::unique_ptr<Attempt> best;
        double least = 0;
        const std::vector<Colour> palette = find_palette(source_, map_);
        std::vector<std::vector<Colour>> palettes = {{}};
        if (!palette.empty()) palettes.push_back(palette);
        for (auto& colours : palettes) {
            auto attempt = std::make_unique<Attempt>();
            attempt->image = std::make_unique<Image>(base_);
            Header& header = attempt->header;
            header = {true, beside_blocks, independent_, request_.step, request_.bound, colours};
            code_header(attempt->coder, header);
            if (beside_blocks) map_.code(attempt->coder);
            std::vector<UnitCost> costs(map_.size());
            PixelModel<Encoder> model(attempt->coder, *attempt->image, base_, request_.bound,
                                      colours);
            Wish wish{0, request_.lambda, request_.max_error};
            double error = 0;
            each_pixel(
                map_, source_.height, source_.width, [&](int y) { model.begin_row(y); },
                [&](int x, int y) {
                    wish.source = *source_.at(x, y);
                    const double before = attempt->coder.cost();
                    model.code(x, &wish);
                    const double e = squared_difference(*attempt->image->at(x, y), wish.source);
                    UnitCost& cost = costs[unit_index(x, y)];
                    cost.bits += attempt->coder.cost() - before;
                    cost.squared_error += e;
                    error += e;
                });
            const double total = error + std::max(request_.lambda, 1e-3) * attempt->coder.cost();
            if (best && total >= least) continue;
            least = total;
            best = std::move(attempt);
            if (!beside_blocks) costs_ = std::move(costs);
        }
        return best;
    }

    // Chooses between pixels and blocks for each unit; the result has all units as blocks.
    std::unique_ptr<Attempt> decide(const Attempt* pixels) {
        auto attempt = std::make_unique<Attempt>();
        attempt->image = std::make_unique<Image>(base_);
        attempt->header = {false, true, independent_, request_.step, request_.bound, {}};
        code_header(attempt->coder, attempt->header);
        UnitModel<Encoder> model(attempt->coder, *attempt->image, base_, request_.step,
                                 independent_);
        each_unit([&](int column, int row) {
            const int x0 = column * kUnit, y0 = row * kUnit;
            Unit unit = model.choose(x0, y0, source_, request_);
            const UnitCost& cost = costs_[static_cast<std::size_t>(row) * map_.columns + column];
            const bool by_pixel =
                map_.at(column, row) && cost.squared_error + request_.lambda * cost.bits <
                                            unit.squared_error + request_.lambda * unit.bits;
            map_.at(column, row) = by_pixel;
            if (!by_pixel) {
                model.code(x0, y0, unit);
                return;
            }
            model.skip(x0, y0);
            for (int y = y0; y < std::min(y0 + kUnit, source_.height); ++y)
                for (int x = x0; x < std::min(x0 + kUnit, source_.width); ++x)
                    *attempt->image->at(x, y) = *pixels->image->at(x, y);
        });
        return attempt;
    }

    // The units that the map leaves to blocks.
    void blocks(Attempt& attempt) {
        UnitModel<Encoder> model(attempt.coder, *attempt.image, base_, request_.step, independent_);
        each_unit([&](int column, int row) {
            const int x0 = column * kUnit, y0 = row * kUnit;
            if (map_.at(column, row)) {
                model.skip(x0, y0);
                return;
            }
            Unit unit = model.choose(x0, y0, source_, request_);
            model.code(x0, y0, unit);
        });
    }

    template <class Function>
    void each_unit(Function function) {
        for (int row = 0; row < map_.rows; ++row)
            for (int column = 0; column < map_.columns; ++column) function(column, row);
    }

    std::size_t unit_index(int x, int y) const {
        return static_cast<std::size_t>(y / kUnit) * map_.columns + x / kUnit;
    }

    struct UnitCost {
        double bits = 0, squared_error = 0;
    };

    Request request_;
    const Image source_, base_;
    const bool alone_;        // whether there is no network's picture
    const bool independent_;  // whether the transform keeps red, green and blue apart
    Map map_;
    std::vector<UnitCost> costs_;
};

}  // namespace

Coded encode_tile(const Picture& source, const uint8_t* base, const Request& request,
                  uint8_t* decoded) {
    return TileEncoder(source, base, request).encode(decoded);
}

void decode_tile(const uint8_t* data, std::size_t size, const uint8_t* base_pixels, int height,
                 int width, uint8_t* decoded) {
    Decoder coder(data, size);
    Header header;
    code_header(coder, header);
    const Image base = base_image(base_pixels, height, width);
    Image image = base;
    Map map(height, width);
    map.fill(header.pixels);
    if (header.pixels && header.blocks) map.code(coder);
    if (header.pixels) {
        PixelModel<Decoder> model(coder, image, base, header.bound, header.palette);
        each_pixel(
            map, height, width, [&](int y) { model.begin_row(y); },
            [&](int x, int) { model.code(x, nullptr); });
    }
    if (header.blocks) {
        UnitModel<Decoder> model(coder, image, base, header.step, header.independent);
        Unit unit;
        for (int row = 0; row < map.rows; ++row)
            for (int column = 0; column < map.columns; ++column) {
                if (map.at(column, row))
                    model.skip(column * kUnit, row * kUnit);
                else
                    model.code(column * kUnit, row * kUnit, unit);
            }
    }
    if (!coder.at_end()) throw std::invalid_argument("bytes follow the end of the tile");
    image.to_bytes(decoded);
}

}  // namespace lic::residual
