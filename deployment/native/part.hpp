// One of a codec's networks of integers, made of its description and ready to run.
#pragma once

#include <string>
#include <vector>

#include "../../integer_networks/native/executor.hpp"
#include "fixed_point.hpp"
#include "safetensors.hpp"

namespace lic::deployment {

// An array (levels, channels) of numbers of low..high; throws Failure.
Table read_table(const SafeTensors& arrays, const std::string& name, int64_t low, int64_t high);

// What a part must take and give; integer_networks/FORMAT.md, "The parts of a codec".
struct Shape {
    std::vector<std::size_t> inputs;  // channels of each
    std::size_t unit;                 // the inputs' sides are multiples of it
    std::size_t output_side;          // of inputs of unit x unit
    std::size_t channels;             // of the output
    std::size_t stride;               // pixels from one place of an input to the next
    bool mixture = false;             // whether the output is one
};

// What a part that gives mixtures makes of n latents, in order (row, column, channel).
struct Mixtures {
    std::size_t components;
    std::vector<int32_t> centres;  // (n)
    std::vector<int8_t> logits;    // (components, n), and so on
    std::vector<int16_t> means;
    std::vector<uint8_t> scales;
};

class Part {
public:
    // The part of that name of a weights file; throws Failure.
    Part(const std::string& name, const Json& graphs, const SafeTensors& arrays);
    // Throws Failure unless the part is as wanted, and holds as few numbers as is allowed.
    void require_shape(const Shape& shape) const;

    const std::vector<std::size_t>& inputs() const { return inputs_; }  // channels of each
    std::size_t channels() const { return output().channels; }
    // How far beyond a place the output depends on an input, in places of the input, rounded up.
    std::size_t reach() const;

    // The output (height', width', channels) for inputs (height, width, channels).
    std::vector<int16_t> run(const std::vector<const int16_t*>& inputs, std::size_t height,
                             std::size_t width, int64_t quality, std::size_t threads) const;
    Mixtures run_mixture(const std::vector<const int16_t*>& inputs, std::size_t height,
                         std::size_t width, int64_t quality, std::size_t threads) const;

private:
    // What a layer's accumulators are multiplied by, and what is added.
    struct Multiplier {
        std::vector<int32_t> fixed;
        Table logarithms;
        Table offsets;
    };

    const networks::Layer& output() const { return graph_.layers()[output_]; }
    void add_layer(const std::string& name, const Json& description, const SafeTensors& arrays);
    Multiplier multiplier(const std::string& name, const SafeTensors& arrays,
                          std::size_t channels) const;
    networks::Scale scale(std::size_t place, int64_t quality) const;
    void run_to(const networks::Target& target, const std::vector<const int16_t*>& inputs,
                std::size_t height, std::size_t width, int64_t quality, std::size_t threads) const;
    networks::Size output_size(std::size_t height, std::size_t width) const;

    networks::Graph graph_;
    std::vector<std::size_t> inputs_;
    std::vector<Multiplier> multipliers_;  // by the places of layers; empty where a layer has none
    std::size_t output_ = 0;
};

}  // namespace lic::deployment
