#include "graph.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>
#include <stdexcept>

#include "slots.hpp"

namespace lic::networks {
namespace {

void require(bool condition, const char* message) {
    if (!condition) throw std::invalid_argument(message);
}

// What the Python classes allow, too.
constexpr std::size_t kMaximumLayers = 1024;
constexpr std::size_t kMaximumChannels = 8192;
constexpr std::size_t kMaximumSources = 16;
constexpr std::size_t kFarthestResolution = 4096;  // below 1, and 64 above it

// Blocks of a thread begin in cache lines of their own.
std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

Resolution Resolution::times(std::size_t by, std::size_t over) const {
    const std::size_t up = numerator * by;
    const std::size_t down = denominator * over;
    const std::size_t common = std::gcd(up, down);
    return {up / common, down / common};
}

const Layer& Graph::activation(std::size_t source) const {
    require(source < layers_.size(), "a layer's source does not come before it");
    const Layer& layer = layers_[source];
    require(!layer.wide && layer.kind != Kind::mixture, "a layer's source is no activation");
    return layer;
}

std::size_t Graph::push(Layer layer) {
    require(!planned_, "the graph is complete");
    require(layers_.size() < kMaximumLayers, "a graph has too many layers");
    require(layer.channels > 0 && layer.channels <= kMaximumChannels,
            "a value has too many channels");
    // Neither products of resolutions nor those of sides overflow.
    require(layer.resolution.denominator <= kFarthestResolution &&
                layer.resolution.numerator <= 64 * layer.resolution.denominator,
            "a value's resolution is out of range");
    layers_.push_back(std::move(layer));
    return layers_.size() - 1;
}

std::vector<int32_t> Graph::by_tiles(const int32_t* values, std::size_t channels,
                                     bool wide) const {
    const std::size_t tile = kernels_.tile;
    std::vector<int32_t> result((channels + tile - 1) / tile * tile);
    for (std::size_t at = 0; at < result.size(); ++at) {
        const std::size_t channel = at / tile * tile + kernels_.channel(at % tile, wide);
        if (channel < channels) result[at] = values[channel];
    }
    return result;
}

template <std::size_t Together>
std::vector<int32_t> Graph::packed(const int16_t* weights, std::size_t rows, std::size_t channels,
                                   std::size_t row_stride, std::size_t channel_stride,
                                   bool wide) const {
    constexpr std::size_t kBits = 32 / Together;
    constexpr uint32_t kMask = (uint32_t{1} << kBits) - 1;
    const std::size_t tile = kernels_.tile;
    const std::size_t tile_size = (rows + Together - 1) / Together * tile;
    std::vector<int32_t> result((channels + tile - 1) / tile * tile_size);
    for (std::size_t begin = 0; begin < channels; begin += tile) {
        for (std::size_t place = 0; place < tile; ++place) {
            const std::size_t channel = begin + kernels_.channel(place, wide);
            if (channel >= channels) continue;
            const int16_t* from = weights + channel * channel_stride;
            int32_t* to = result.data() + begin / tile * tile_size + place;
            for (std::size_t row = 0; row < rows; ++row, from += row_stride) {
                const uint32_t bits = static_cast<uint32_t>(*from) & kMask;
                to[row / Together * tile] |=
                    static_cast<int32_t>(bits << row % Together * kBits);
            }
        }
    }
    return result;
}

bool Graph::pack_bytes(Layer& layer, const Layer& from, const int16_t* weights,
                       const int32_t* bias) const {
    const bool limited = from.kind == Kind::convolution || from.kind == Kind::depthwise ||
                         from.kind == Kind::gain;
    if (kernels_.convolve_bytes == nullptr || !limited || from.high - from.low > 255 ||
        from.channels > kMostByteInputs) {
        return false;
    }
    const std::size_t inputs = from.channels;
    std::vector<int16_t> small(weights, weights + layer.channels * inputs);
    std::vector<int32_t> factors(layer.channels), starts(layer.channels);
    for (std::size_t i = 0; i < layer.channels; ++i) {
        int16_t* const row = small.data() + i * inputs;
        const int16_t all = std::accumulate(row, row + inputs, int16_t{0}, std::bit_or<>());
        const int shift = all == 0 ? 0 : std::countr_zero(static_cast<uint16_t>(all));
        uint32_t sum = 0;
        for (std::size_t j = 0; j < inputs; ++j) {
            sum += static_cast<uint32_t>(row[j]);
            row[j] = static_cast<int16_t>(row[j] >> shift);
            if (row[j] < -128 || row[j] > 127) return false;
        }
        factors[i] = 1 << shift;
        starts[i] = static_cast<int32_t>(static_cast<uint32_t>(bias[i]) +
                                         static_cast<uint32_t>(from.low) * sum);
    }
    layer.weights = packed<4>(small.data(), inputs, layer.channels, 1, inputs, layer.wide);
    layer.factors = by_tiles(factors.data(), layer.channels, layer.wide);
    layer.bias = by_tiles(starts.data(), layer.channels, layer.wide);
    layer.input_low = from.low;
    return true;
}

std::size_t Graph::input(std::size_t channels, std::size_t divisor) {
    require(divisor > 0 && divisor <= 64, "an input's resolution is wrong");
    return push({.kind = Kind::input, .sources = {}, .channels = channels,
                 .resolution = {1, divisor}});
}

std::size_t Graph::convolution(std::size_t source, const int16_t* weights, std::size_t outputs,
                               std::size_t inputs, const int32_t* bias, int32_t low,
                               int32_t high) {
    const Layer& from = activation(source);
    require(from.channels == inputs, "a convolution's weights do not fit its source");
    require(low <= 0 && high >= 0 && low >= -(1 << 30) && high <= 1 << 30,
            "a layer's limits are wrong");
    const bool wide = low < -32767 || high > 32767;
    Layer layer{.kind = Kind::convolution, .sources = {source}, .channels = outputs,
                .resolution = from.resolution, .wide = wide, .low = low, .high = high};
    if (!pack_bytes(layer, from, weights, bias)) {
        layer.weights = packed<2>(weights, inputs, outputs, 1, inputs, wide);
        layer.bias = by_tiles(bias, outputs, wide);
    }
    return push(std::move(layer));
}

std::size_t Graph::depthwise(std::size_t source, const int16_t* weights, std::size_t side,
                             std::size_t channels, const int32_t* bias, int32_t low,
                             int32_t high) {
    const Layer& from = activation(source);
    require(side == 3 || side == 5 || side == 7, "a depthwise kernel must be 3, 5 or 7 wide");
    require(from.channels == channels, "a convolution's weights do not fit its source");
    require(low <= 0 && high >= 0 && low >= -32767 && high <= 32767, "a layer's limits are wrong");
    return push({.kind = Kind::depthwise, .sources = {source}, .channels = channels,
                 .resolution = from.resolution,
                 .weights = packed<2>(weights, side * side, channels, channels, 1, false),
                 .bias = by_tiles(bias, channels, false), .low = low, .high = high, .side = side});
}

std::size_t Graph::hard_swish(std::size_t source, Opening opening) {
    const Layer& from = activation(source);
    return push({.kind = Kind::hard_swish, .sources = {source}, .channels = from.channels,
                 .resolution = from.resolution, .opening = opening});
}

std::size_t Graph::gate(std::size_t source, Opening opening) {
    const Layer& from = activation(source);
    require(from.channels % 2 == 0, "a gate needs an even number of channels");
    return push({.kind = Kind::gate, .sources = {source}, .channels = from.channels / 2,
                 .resolution = from.resolution, .opening = opening});
}

std::size_t Graph::add(std::size_t first, std::size_t second) {
    const Layer& from = activation(first);
    const Layer& other = activation(second);
    require(from.channels == other.channels && from.resolution == other.resolution,
            "an addition's sources have different shapes");
    return push({.kind = Kind::add, .sources = {first, second}, .channels = from.channels,
                 .resolution = from.resolution});
}

std::size_t Graph::gain(std::size_t source, int32_t low, int32_t high) {
    const Layer& from = activation(source);
    require(low <= 0 && high >= 0 && low >= -32767 && high <= 32767, "a layer's limits are wrong");
    return push({.kind = Kind::gain, .sources = {source}, .channels = from.channels,
                 .resolution = from.resolution, .low = low, .high = high});
}

std::size_t Graph::concatenation(const std::vector<std::size_t>& sources) {
    require(!sources.empty() && sources.size() <= kMaximumSources,
            "a layer has a wrong number of sources");
    std::size_t channels = 0;
    const Resolution resolution = activation(sources[0]).resolution;
    for (const std::size_t source : sources) {
        channels += activation(source).channels;
        require(activation(source).resolution == resolution, "values of different sizes");
    }
    return push({.kind = Kind::concatenation, .sources = sources, .channels = channels,
                 .resolution = resolution});
}

std::size_t Graph::unshuffle(std::size_t source, std::size_t factor) {
    const Layer& from = activation(source);
    require(factor >= 2 && factor <= 8, "a shuffle's factor must be 2, 4 or 8");
    return push({.kind = Kind::unshuffle, .sources = {source},
                 .channels = from.channels * factor * factor,
                 .resolution = from.resolution.times(1, factor), .factor = factor});
}

std::size_t Graph::shuffle(std::size_t source, std::size_t factor) {
    const Layer& from = activation(source);
    require(factor >= 2 && factor <= 8, "a shuffle's factor must be 2, 4 or 8");
    require(from.channels % (factor * factor) == 0, "a shuffle's channels do not divide");
    return push({.kind = Kind::shuffle, .sources = {source},
                 .channels = from.channels / (factor * factor),
                 .resolution = from.resolution.times(factor, 1), .factor = factor});
}

std::size_t Graph::subsample(std::size_t source, std::size_t row, std::size_t column) {
    const Layer& from = activation(source);
    require(row < 2 && column < 2, "a place in a cell is wrong");
    return push({.kind = Kind::subsample, .sources = {source}, .channels = from.channels,
                 .resolution = from.resolution.times(1, 2), .row = row, .column = column});
}

std::size_t Graph::mixture(const std::vector<std::size_t>& sources, std::size_t components) {
    require(components >= 1 && components <= 4, "a mixture has 1 to 4 components");
    require(!sources.empty() && sources.size() <= kMaximumSources,
            "a layer has a wrong number of sources");
    const std::size_t parts = 2 + 3 * (components - 1);
    for (const std::size_t source : sources) {
        require(source < layers_.size() && layers_[source].kind != Kind::mixture,
                "a layer's source does not come before it");
        require(layers_[source].channels == layers_[sources[0]].channels &&
                    layers_[source].resolution == layers_[sources[0]].resolution,
                "a mixture's sources have different shapes");
        require(layers_[source].channels % parts == 0, "a mixture's channels do not divide");
    }
    const Layer& from = layers_[sources[0]];
    return push({.kind = Kind::mixture, .sources = sources,
                 .channels = from.channels / parts * sources.size(),
                 .resolution = from.resolution, .components = components});
}

void Graph::plan(const std::vector<std::size_t>& outputs) {
    require(!planned_, "the graph is complete");
    for (const std::size_t place : outputs) {
        require(place < layers_.size() && layers_[place].kind != Kind::input,
                "a graph's outputs are wrong");
        layers_[place].output = true;
    }
    planned_ = true;
    std::vector<std::size_t> stage_of(layers_.size(), SIZE_MAX);
    for (std::size_t place = 0; place < layers_.size(); ++place) {
        Layer& layer = layers_[place];
        if (layer.kind == Kind::input) continue;
        bool joins = !stages_.empty() &&
                     layers_[stages_.back().layers[0]].resolution == layer.resolution;
        for (const std::size_t source : layer.sources) {
            if (layer.looks_around() && stage_of[source] == stages_.size() - 1) joins = false;
        }
        if (!joins) stages_.emplace_back();
        stage_of[place] = layer.last_stage = stages_.size() - 1;
        stages_.back().layers.push_back(place);
        stages_.back().cost += layer.weights.size() * 2 + layer.channels;
    }
    for (std::size_t place = 0; place < layers_.size(); ++place) {
        layers_[place].local = stage_of[place] != SIZE_MAX && !layers_[place].output &&
                               layers_[place].kind != Kind::mixture;
    }
    for (std::size_t place = 0; place < layers_.size(); ++place) {
        for (const std::size_t source : layers_[place].sources) {
            layers_[source].last_stage = stage_of[place];
            if (stage_of[source] != stage_of[place]) layers_[source].local = false;
        }
    }
    place_values();
}

void Graph::place_values() {
    std::vector<std::size_t> last_use(layers_.size());
    for (std::size_t place = 0; place < layers_.size(); ++place) {
        last_use[place] = place;
        for (const std::size_t source : layers_[place].sources) last_use[source] = place;
    }
    for (Stage& stage : stages_) {
        Slots slots;
        const auto give_sources = [&](std::size_t place) {
            std::vector<std::size_t> sources = layers_[place].sources;
            std::sort(sources.begin(), sources.end());
            sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
            for (const std::size_t source : sources) {
                if (layers_[source].local && last_use[source] == place) {
                    slots.give(layers_[source].slot);
                }
            }
        };
        for (const std::size_t place : stage.layers) {
            Layer& layer = layers_[place];
            // These take each number before they write the one in its place.
            const bool in_place = layer.kind == Kind::hard_swish || layer.kind == Kind::add ||
                                  layer.kind == Kind::gain;
            if (in_place) give_sources(place);
            if (layer.local) layer.slot = slots.take(kBlock * aligned(layer.pixel_bytes()));
            if (!in_place) give_sources(place);
            // Nobody uses it.
            if (layer.local && last_use[place] == place) slots.give(layer.slot);
        }
        for (const std::size_t bytes : slots.sizes()) {
            stage.offsets.push_back(stage.block_bytes);
            stage.block_bytes += aligned(bytes);
        }
    }
}

}  // namespace lic::networks
