// A graph of integer layers, and the plan by which it runs.
//
// Neighbouring layers of one resolution form a stage, which runs block by block of pixels: values
// that only the stage itself uses never leave the cache. A layer that reads other pixels than its
// own needs whole planes: its sources come from earlier stages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels.hpp"

namespace lic::networks {

enum class Kind {
    input,
    convolution,
    depthwise,
    hard_swish,
    gate,
    add,
    gain,
    concatenation,
    unshuffle,
    shuffle,
    subsample,
    mixture,
};

// Sides relative to those of inputs of resolution 1, as a reduced fraction.
struct Resolution {
    std::size_t numerator = 1;
    std::size_t denominator = 1;

    Resolution times(std::size_t by, std::size_t over) const;
    bool operator==(const Resolution&) const = default;
};

struct Layer {
    Kind kind;
    std::vector<std::size_t> sources;
    std::size_t channels;
    Resolution resolution;
    bool wide = false;  // 32-bit values

    std::vector<int32_t> weights{};  // packed
    std::vector<int32_t> bias{};
    std::vector<int32_t> factors{};  // if weights are packed in fours, as `ByteWeights` are
    int32_t input_low = 0;
    int32_t low = 0;
    int32_t high = 0;
    std::size_t side = 0;  // of a depthwise kernel
    Opening opening{};
    std::size_t factor = 0;  // of a shuffle
    std::size_t row = 0;     // of a subsample
    std::size_t column = 0;
    std::size_t components = 0;

    // Where the value lies while the graph runs: in a slot of its stage's block of pixels if it is
    // `local`, else in a plane.
    bool output = false;
    bool local = false;
    std::size_t slot = 0;       // if local
    std::size_t last_stage = 0;  // that uses it

    bool looks_around() const {
        return kind == Kind::depthwise || kind == Kind::unshuffle || kind == Kind::shuffle ||
               kind == Kind::subsample;
    }
    std::size_t pixel_bytes() const { return channels * (wide ? 4 : 2); }
};

struct Stage {
    std::vector<std::size_t> layers;
    std::vector<std::size_t> offsets;  // of the slots of a block, in bytes
    std::size_t block_bytes = 0;
    std::size_t cost = 0;  // multiplications a pixel, and as many for other work
};

// Layers are added in the order in which they run; each method returns the layer's place, and throws
// std::invalid_argument where a layer does not fit its sources.
class Graph {
public:
    explicit Graph(const Kernels& kernels) : kernels_(kernels) {}

    std::size_t input(std::size_t channels, std::size_t divisor);
    // Weights (outputs, inputs) and bias (outputs).
    std::size_t convolution(std::size_t source, const int16_t* weights, std::size_t outputs,
                            std::size_t inputs, const int32_t* bias, int32_t low, int32_t high);
    // Weights (side, side, channels) and bias (channels).
    std::size_t depthwise(std::size_t source, const int16_t* weights, std::size_t side,
                          std::size_t channels, const int32_t* bias, int32_t low, int32_t high);
    std::size_t hard_swish(std::size_t source, Opening opening);
    std::size_t gate(std::size_t source, Opening opening);
    std::size_t add(std::size_t first, std::size_t second);
    std::size_t gain(std::size_t source, int32_t low, int32_t high);
    std::size_t concatenation(const std::vector<std::size_t>& sources);
    std::size_t unshuffle(std::size_t source, std::size_t factor);
    std::size_t shuffle(std::size_t source, std::size_t factor);
    std::size_t subsample(std::size_t source, std::size_t row, std::size_t column);
    std::size_t mixture(const std::vector<std::size_t>& sources, std::size_t components);

    // Ends the graph: no layer is added afterwards. An input is no output.
    void plan(const std::vector<std::size_t>& outputs);

    const Kernels& kernels() const { return kernels_; }
    const std::vector<Layer>& layers() const { return layers_; }
    const std::vector<Stage>& stages() const { return stages_; }

    // Numbers by channel in the order of the tiles of a layer's results.
    std::vector<int32_t> by_tiles(const int32_t* values, std::size_t channels, bool wide) const;

private:
    const Layer& activation(std::size_t source) const;
    std::size_t push(Layer layer);
    template <std::size_t Together>
    std::vector<int32_t> packed(const int16_t* weights, std::size_t rows, std::size_t channels,
                                std::size_t row_stride, std::size_t channel_stride,
                                bool wide) const;
    // Packs a convolution's weights and bias in bytes, if they fit and the kernels multiply these.
    bool pack_bytes(Layer& layer, const Layer& from, const int16_t* weights,
                    const int32_t* bias) const;
    void place_values();

    const Kernels& kernels_;
    std::vector<Layer> layers_;
    std::vector<Stage> stages_;
    bool planned_ = false;
};

}  // namespace lic::networks
