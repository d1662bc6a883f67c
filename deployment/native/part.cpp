#include "part.hpp"

#include <cmath>
#include <functional>

#include "../../integer_networks/native/packing.hpp"

namespace lic::deployment {
namespace {

using networks::Kind;
using networks::Layer;
using networks::Size;

constexpr int64_t kLargestIndex = 1 << 20;
constexpr std::size_t kMaximumTotalChannels = std::size_t{1} << 17;
// The most numbers for each pixel of the picture that all values of a part together may have.
constexpr std::size_t kMaximumDensity = 1024;

std::size_t index(const Json& value) {
    return static_cast<std::size_t>(value.integer(0, kLargestIndex));
}

networks::Opening opening(const Json& layer) {
    return {static_cast<int32_t>(layer.at("three").integer(1, kLargest)),
            static_cast<int32_t>(layer.at("multiplier").integer(0, kMultiplierLimit))};
}

std::size_t shuffle_factor(const Json& layer) {
    const std::size_t factor = index(layer.at("factor"));
    if (factor != 2 && factor != 4 && factor != 8) bad_weights("a shuffle's factor is wrong");
    return factor;
}

// The weights of a layer, and their shape.
struct LayerWeights {
    std::vector<std::size_t> shape;
    std::vector<int16_t> numbers;
};

LayerWeights packed_weights(const std::string& name, const Json& description,
                            const SafeTensors& arrays, std::size_t axes) {
    const Json::List& list = description.at("packed").list();
    if (list.size() != axes + 1) bad_weights("packed weights have a wrong shape");
    const Array& bytes = arrays.get(name + ".weights", 1);
    const Array& shifts = arrays.get(name + ".shifts", 1);
    LayerWeights made;
    std::size_t count = 1;
    bool fits = bytes.type == "U8" && shifts.type == "U8";
    for (std::size_t axis = 0; fits && axis < axes; ++axis) {
        made.shape.push_back(index(list[axis + 1]));
        // Eight numbers have a byte at least.
        fits = made.shape[axis] > 0 && made.shape[axis] <= 8 * bytes.size() / count;
        count *= made.shape[axis];
    }
    const std::size_t outputs = fits ? made.shape[axes == 2 ? 0 : axes - 1] : 0;
    if (!fits || shifts.size() != outputs) bad_weights("packed weights do not fit their shape");
    made.numbers.resize(count);
    networks::unpack({bytes.bytes.data(), bytes.size(), index(list[0]), shifts.bytes.data(),
                      outputs, axes == 2 ? made.shape[1] : 1},
                     count, made.numbers.data());
    return made;
}

LayerWeights layer_weights(const std::string& name, const Json& description,
                           const SafeTensors& arrays, std::size_t axes) {
    if (description.object().contains("packed")) {
        return packed_weights(name, description, arrays, axes);
    }
    const Array& array = arrays.get(name + ".weights", axes);
    if (array.type == "U8") bad_weights("an array is of another type");
    return {array.shape, array.numbers<int16_t>()};
}

}  // namespace

Table read_table(const SafeTensors& arrays, const std::string& name, int64_t low, int64_t high) {
    const Array& array = arrays.get(name, 2);
    Table table{array.shape[1], array.numbers<int32_t>()};
    if (array.shape[0] < 1 || array.shape[0] > 64 || table.channels < 1) {
        bad_weights("the table " + name + " has a wrong shape");
    }
    for (const int32_t value : table.values) {
        if (value < low || value > high) bad_weights("the table " + name + " is out of range");
    }
    return table;
}

Part::Part(const std::string& name, const Json& graphs, const SafeTensors& arrays)
    : graph_(networks::best_kernels("")) {
    try {
        const Json& description = graphs.at(name);
        std::size_t place = 0, channels = 0;
        for (const Json& layer : description.at("layers").list()) {
            add_layer(name + "." + std::to_string(place++), layer, arrays);
            channels += graph_.layers().back().channels;
            if (channels > kMaximumTotalChannels) bad_weights("a part has too many channels");
        }
        const Json::List& outputs = description.at("outputs").list();
        if (outputs.size() != 1) bad_weights("a part has a wrong number of outputs");
        output_ = index(outputs[0]);
        graph_.plan({output_});
    } catch (const std::invalid_argument& error) {
        bad_weights(std::string(error.what()) + " in " + name);
    }
}

void Part::add_layer(const std::string& name, const Json& description,
                     const SafeTensors& arrays) {
    std::vector<std::size_t> sources;
    for (const Json& source : description.at("sources").list()) sources.push_back(index(source));
    const std::string& kind = description.at("kind").string();
    const std::size_t wanted = kind == "Input" ? 0 : kind == "Add" ? 2 : 1;
    const bool many = kind == "Concatenation" || kind == "Mixture";
    if (many ? sources.empty() : sources.size() != wanted) {
        bad_weights("a layer has a wrong number of sources");
    }
    const std::size_t source = sources.empty() ? 0 : sources[0];
    const auto limit = [&](const char* key) {
        return static_cast<int32_t>(description.at(key).integer(-(1 << 30), 1 << 30));
    };
    multipliers_.emplace_back();
    if (kind == "Input") {
        if (description.at("divisor").integer() != 1) bad_weights("an input's resolution is wrong");
        inputs_.push_back(index(description.at("channels")));
        graph_.input(inputs_.back(), 1);
    } else if (kind == "Convolution" || kind == "Depthwise") {
        const bool depthwise = kind == "Depthwise";
        const LayerWeights weights = layer_weights(name, description, arrays, depthwise ? 3 : 2);
        const std::size_t outputs = weights.shape[depthwise ? 2 : 0];
        const Array& bias = arrays.get(name + ".bias", 1);
        if (bias.shape[0] != outputs || (depthwise && weights.shape[0] != weights.shape[1])) {
            bad_weights("a layer's arrays do not fit each other");
        }
        multipliers_.back() = multiplier(name, arrays, outputs);
        const auto add = depthwise ? &networks::Graph::depthwise : &networks::Graph::convolution;
        std::invoke(add, graph_, source, weights.numbers.data(), weights.shape[0],
                    depthwise ? outputs : weights.shape[1], bias.numbers<int32_t>().data(),
                    limit("low"), limit("high"));
    } else if (kind == "HardSwish") {
        graph_.hard_swish(source, opening(description));
    } else if (kind == "Gate") {
        graph_.gate(source, opening(description));
    } else if (kind == "Add") {
        graph_.add(source, sources[1]);
    } else if (kind == "Gain") {
        // Limits of 16 bits are left out.
        const auto given = [&](const char* name) { return description.object().contains(name); };
        graph_.gain(source, given("low") ? limit("low") : -kLargest,
                    given("high") ? limit("high") : kLargest);
        multipliers_.back() = multiplier(name, arrays, graph_.layers().back().channels);
    } else if (kind == "Concatenation") {
        graph_.concatenation(sources);
    } else if (kind == "Unshuffle") {
        graph_.unshuffle(source, shuffle_factor(description));
    } else if (kind == "Shuffle") {
        graph_.shuffle(source, shuffle_factor(description));
    } else if (kind == "Subsample") {
        graph_.subsample(source, index(description.at("row")), index(description.at("column")));
    } else if (kind == "Mixture") {
        graph_.mixture(sources, index(description.at("components")));
    } else {
        bad_weights("the layer " + name + " is of an unknown kind");
    }
}

Part::Multiplier Part::multiplier(const std::string& name, const SafeTensors& arrays,
                                  std::size_t channels) const {
    Multiplier made;
    if (arrays.find(name + ".multiplier.fixed")) {
        const Array& fixed = arrays.get(name + ".multiplier.fixed", 1);
        made.fixed = fixed.numbers<int32_t>();
    }
    const auto table = [&](const std::string& array, int64_t low, int64_t high) {
        if (!arrays.find(array)) return Table{channels, {}};
        return read_table(arrays, array, low, high);
    };
    made.logarithms = table(name + ".multiplier.logarithms", 0, kLogarithmLimit - 1);
    made.offsets = table(name + ".multiplier.offsets", -(1 << 30), 1 << 30);
    const bool by_quality = !made.logarithms.values.empty();
    if (by_quality == !made.fixed.empty() || (!by_quality && made.fixed.size() != channels) ||
        made.logarithms.channels != channels || made.offsets.channels != channels) {
        bad_weights("the layer " + name + " has no multiplier for its channels");
    }
    return made;
}

void Part::require_shape(const Shape& shape) const {
    if (inputs_ != shape.inputs) bad_weights("a part does not take its inputs");
    const Layer& given = output();
    const bool mixture = given.kind == Kind::mixture;
    if (mixture != shape.mixture || given.wide || given.channels != shape.channels) {
        bad_weights("a part does not give its output");
    }
    std::vector<Size> sizes;
    try {
        sizes = value_sizes(graph_, std::vector<Size>(inputs_.size(), {1, shape.unit, shape.unit}));
    } catch (const std::invalid_argument& error) {
        bad_weights(error.what());
    }
    if (sizes[output_] != Size{1, shape.output_side, shape.output_side}) {
        bad_weights("a part gives an output of another size");
    }
    std::size_t numbers = 0;
    for (std::size_t place = 0; place < sizes.size(); ++place) {
        numbers += sizes[place].pixels() * graph_.layers()[place].channels;
    }
    const std::size_t side = shape.unit * shape.stride;
    if (numbers > kMaximumDensity * side * side) bad_weights("a part holds too many numbers");
}

std::size_t Part::reach() const {
    // Resolutions are powers of two, so that these are exact.
    std::vector<double> reaches;
    for (const Layer& layer : graph_.layers()) {
        double reach = 0;
        for (const std::size_t source : layer.sources) reach = std::max(reach, reaches[source]);
        if (layer.kind == Kind::depthwise) {
            reach += static_cast<double>(layer.side / 2 * layer.resolution.denominator) /
                     static_cast<double>(layer.resolution.numerator);
        }
        reaches.push_back(reach);
    }
    return static_cast<std::size_t>(std::ceil(reaches[output_]));
}

networks::Scale Part::scale(std::size_t place, int64_t quality) const {
    const Multiplier& one = multipliers_[place];
    const Layer& layer = graph_.layers()[place];
    std::vector<int32_t> factors = one.fixed;
    if (factors.empty()) {
        factors = one.logarithms.at(quality);
        for (int32_t& factor : factors) factor = exp2(factor);
    }
    std::vector<int32_t> addends(layer.channels);
    if (!one.offsets.values.empty()) addends = one.offsets.at(quality);
    return networks::Scale(graph_, layer, factors.data(), addends.data());
}

Size Part::output_size(std::size_t height, std::size_t width) const {
    return value_sizes(graph_, std::vector<Size>(inputs_.size(), {1, height, width}))[output_];
}

void Part::run_to(const networks::Target& target, const std::vector<const int16_t*>& inputs,
                  std::size_t height, std::size_t width, int64_t quality,
                  std::size_t threads) const {
    const std::vector<Layer>& layers = graph_.layers();
    networks::Arguments arguments{std::vector<const int16_t*>(layers.size()),
                                  std::vector<networks::Target>(layers.size()),
                                  std::vector<networks::Scale>(layers.size())};
    std::size_t input = 0;
    for (std::size_t place = 0; place < layers.size(); ++place) {
        const Kind kind = layers[place].kind;
        if (kind == Kind::input) arguments.inputs[place] = inputs[input++];
        if (kind == Kind::convolution || kind == Kind::depthwise || kind == Kind::gain) {
            arguments.scales[place] = scale(place, quality);
        }
    }
    arguments.targets[output_] = target;
    const std::vector<Size> given(inputs_.size(), {1, height, width});
    networks::run(graph_, value_sizes(graph_, given), arguments, threads);
}

std::vector<int16_t> Part::run(const std::vector<const int16_t*>& inputs, std::size_t height,
                               std::size_t width, int64_t quality, std::size_t threads) const {
    std::vector<int16_t> result(checked_size(output_size(height, width).pixels(), channels()));
    run_to({result.data(), {}}, inputs, height, width, quality, threads);
    return result;
}

Mixtures Part::run_mixture(const std::vector<const int16_t*>& inputs, std::size_t height,
                           std::size_t width, int64_t quality, std::size_t threads) const {
    const std::size_t latents = checked_size(output_size(height, width).pixels(), channels());
    const std::size_t components = output().components;
    const std::size_t numbers = checked_size(latents, components);
    Mixtures result{components, std::vector<int32_t>(latents), std::vector<int8_t>(numbers),
                    std::vector<int16_t>(numbers), std::vector<uint8_t>(numbers)};
    run_to({nullptr,
            {result.centres.data(), result.logits.data(), result.means.data(),
             result.scales.data(), latents}},
           inputs, height, width, quality, threads);
    return result;
}

}  // namespace lic::deployment
