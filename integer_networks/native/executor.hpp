// Running a planned graph.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "graph.hpp"

namespace lic::networks {

struct Size {
    std::size_t batch = 0;
    std::size_t height = 0;
    std::size_t width = 0;

    std::size_t pixels() const { return batch * height * width; }
    bool operator==(const Size&) const = default;
};

// A layer's factors and addends at a quality, by tiles; empty where a layer needs none.
struct Scale {
    std::vector<int32_t> multipliers;
    std::vector<int32_t> lows;
    std::vector<int32_t> highs;
    std::vector<int32_t> offsets;

    // Of arrays by channel.
    Scale(const Graph& graph, const Layer& layer, const int32_t* multipliers,
          const int32_t* offsets);
    Scale() = default;

    Rescaling rescaling() const {
        return {multipliers.data(), lows.data(), highs.data(), offsets.data()};
    }
};

// Where an output goes.
struct Target {
    void* plane = nullptr;
    MixtureTarget mixture{};
};

// What a run is given, by the places of layers: input planes, targets of outputs, scales.
struct Arguments {
    std::vector<const int16_t*> inputs;
    std::vector<Target> targets;
    std::vector<Scale> scales;
};

// The sizes of all layers' values for those of the inputs, one after the other; throws
// std::invalid_argument if they do not fit each other or do not divide.
std::vector<Size> value_sizes(const Graph& graph, const std::vector<Size>& inputs);

// Runs the graph on up to that many threads; throws std::invalid_argument if a scale is missing.
void run(const Graph& graph, const std::vector<Size>& sizes, const Arguments& arguments,
         std::size_t threads);

}  // namespace lic::networks
