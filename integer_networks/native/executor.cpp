#include "executor.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "../../entropy_coding/native/parallel.hpp"
#include "slots.hpp"

namespace lic::networks {
namespace {

// A thread takes some 20 us to start: not worth it for less work, in multiplications. Tests want
// threads for less.
#if !defined(LIC_COST_PER_THREAD)
#define LIC_COST_PER_THREAD 2'000'000
#endif
constexpr std::size_t kCostPerThread = LIC_COST_PER_THREAD;

// Numbers of a value: far more than any memory holds, and far from what overflows.
constexpr std::size_t kMaximumNumbers = std::size_t{1} << (sizeof(std::size_t) > 4 ? 42 : 28);

void require(bool condition, const char* message) {
    if (!condition) throw std::invalid_argument(message);
}

// One run of a graph.
class Executor {
public:
    Executor(const Graph& graph, const std::vector<Size>& sizes, const Arguments& arguments)
        : graph_(graph), sizes_(sizes), arguments_(arguments), planes_(graph.layers().size()) {
        place_planes();
    }

    void run(std::size_t threads) {
        std::size_t scratch = 0;
        for (const Stage& stage : graph_.stages()) scratch = std::max(scratch, stage.block_bytes);
        std::vector<Buffer> blocks;
        for (std::size_t i = 0; i < threads; ++i) blocks.push_back(buffer(scratch));
        for (const Stage& stage : graph_.stages()) {
            const std::size_t pixels = sizes_[stage.layers[0]].pixels();
            const std::size_t most = pixels * stage.cost / kCostPerThread + 1;
            run_parallel((pixels + kBlock - 1) / kBlock, std::min(threads, most),
                         [&](std::size_t block, std::size_t thread) {
                             const std::size_t first = block * kBlock;
                             const std::size_t count = std::min(kBlock, pixels - first);
                             for (const std::size_t place : stage.layers) {
                                 compute(place, {stage, blocks[thread].get(), first, count});
                             }
                         });
        }
    }

private:
    using Buffer = std::unique_ptr<std::byte[]>;

    // Neighbouring pixels of a stage, and the memory for its local values.
    struct Block {
        const Stage& stage;
        std::byte* memory;
        std::size_t first;
        std::size_t count;
    };

    static Buffer buffer(std::size_t bytes) { return Buffer(new std::byte[bytes]); }

    const Layer& layer(std::size_t place) const { return graph_.layers()[place]; }

    // Planes take turns in slots: each is free again when the last stage that uses it has run.
    void place_planes() {
        Slots slots;
        std::vector<std::size_t> slot_of(planes_.size(), SIZE_MAX);
        std::size_t channels = 0;
        for (std::size_t stage = 0; stage < graph_.stages().size(); ++stage) {
            for (const std::size_t place : graph_.stages()[stage].layers) {
                const Layer& one = layer(place);
                if (one.local || one.output || one.kind == Kind::mixture) continue;
                slot_of[place] = slots.take(sizes_[place].pixels() * one.pixel_bytes());
            }
            for (std::size_t place = 0; place < planes_.size(); ++place) {
                if (slot_of[place] != SIZE_MAX && layer(place).last_stage == stage) {
                    slots.give(slot_of[place]);
                }
            }
        }
        for (const std::size_t bytes : slots.sizes()) buffers_.push_back(buffer(bytes));
        for (std::size_t place = 0; place < planes_.size(); ++place) {
            const Layer& one = layer(place);
            if (slot_of[place] != SIZE_MAX) planes_[place] = buffers_[slot_of[place]].get();
            if (one.output) planes_[place] = static_cast<std::byte*>(arguments_.targets[place].plane);
            if (one.kind == Kind::depthwise) channels = std::max(channels, one.channels);
        }
        zeros_.resize(kBlock * channels);
    }

    // A value at the pixels of a block.
    template <class Number>
    const Number* source(std::size_t place, const Block& block) const {
        const Layer& from = layer(place);
        if (from.kind == Kind::input) {
            return reinterpret_cast<const Number*>(arguments_.inputs[place]) +
                   block.first * from.channels;
        }
        return target<Number>(place, block);
    }

    template <class Number>
    Number* target(std::size_t place, const Block& block) const {
        const Layer& to = layer(place);
        if (to.local) {
            return reinterpret_cast<Number*>(block.memory + block.stage.offsets[to.slot]);
        }
        return reinterpret_cast<Number*>(planes_[place]) + block.first * to.channels;
    }

    const int16_t* plane(std::size_t place) const {
        if (layer(place).kind == Kind::input) return arguments_.inputs[place];
        return reinterpret_cast<const int16_t*>(planes_[place]);
    }

    void compute(std::size_t place, const Block& block) const {
        const Kernels& kernels = graph_.kernels();
        const Layer& one = layer(place);
        const std::size_t numbers = block.count * one.channels;
        const auto from = [&](std::size_t i) { return source<int16_t>(one.sources[i], block); };
        const auto to = [&] { return target<int16_t>(place, block); };
        switch (one.kind) {
            case Kind::input: return;
            case Kind::convolution: return convolve(place, block);
            case Kind::depthwise: return convolve_depthwise(place, block);
            case Kind::hard_swish: return kernels.hard_swish(from(0), numbers, one.opening, to());
            case Kind::gate: return gate(place, block);
            case Kind::add: return kernels.add(from(0), from(1), numbers, to());
            case Kind::gain:
                for (std::size_t i = 0; i < block.count; ++i) {
                    kernels.gain(from(0) + i * one.channels, one.channels,
                                 {arguments_.scales[place].multipliers.data(), one.low, one.high},
                                 to() + i * one.channels);
                }
                return;
            case Kind::concatenation: return concatenate(place, block);
            case Kind::unshuffle: return unshuffle(place, block);
            case Kind::shuffle: return shuffle(place, block);
            case Kind::subsample: return subsample(place, block);
            case Kind::mixture: return mix(place, block);
        }
    }

    void convolve(std::size_t place, const Block& block) const {
        const Layer& one = layer(place);
        const std::size_t inputs = layer(one.sources[0]).channels;
        const auto with = [&](auto kernel, const auto& weights, auto* to) {
            kernel(source<int16_t>(one.sources[0], block), block.count, inputs, one.channels,
                   weights, arguments_.scales[place].rescaling(), to);
        };
        const auto either = [&](auto kernel, auto byte_kernel, auto* to) {
            const int32_t* const weights = one.weights.data();
            const int32_t* const bias = one.bias.data();
            if (one.factors.empty()) return with(kernel, Weights{weights, bias}, to);
            with(byte_kernel, ByteWeights{weights, one.factors.data(), bias, one.input_low}, to);
        };
        const Kernels& kernels = graph_.kernels();
        if (one.wide) {
            return either(kernels.convolve_wide, kernels.convolve_bytes_wide,
                          target<int32_t>(place, block));
        }
        either(kernels.convolve, kernels.convolve_bytes, target<int16_t>(place, block));
    }

    void convolve_depthwise(std::size_t place, const Block& block) const {
        const Layer& one = layer(place);
        const auto [batch, height, width] = sizes_[place];
        const int16_t* const from = plane(one.sources[0]);
        const std::size_t reach = one.side / 2;
        const int16_t* taps[kMaximumTaps];
        std::size_t left = block.count;
        for (std::size_t at = block.first; left > 0;) {
            const std::size_t x = at % width;
            const std::size_t y = at / width % height;
            // Pixels that see the picture's left or right border go one by one.
            const bool inside = x >= reach && x + reach < width;
            const std::size_t pixels = inside ? std::min(left, width - reach - x) : 1;
            std::size_t count = 0;
            for (std::size_t row = 0; row < one.side; ++row) {
                for (std::size_t column = 0; column < one.side; ++column) {
                    const bool seen = y + row >= reach && y + row < height + reach &&
                                      x + column >= reach && x + column < width + reach;
                    // One row is `width` pixels long in memory, and pictures follow each other.
                    const std::size_t to = at + row * width + column - reach * width - reach;
                    taps[count++] = seen ? from + to * one.channels : zeros_.data();
                }
            }
            taps[count++] = zeros_.data();
            graph_.kernels().convolve_depthwise(
                taps, count, pixels, one.channels, {one.weights.data(), one.bias.data()},
                arguments_.scales[place].rescaling(),
                target<int16_t>(place, block) + (at - block.first) * one.channels);
            at += pixels;
            left -= pixels;
        }
    }

    void gate(std::size_t place, const Block& block) const {
        const Layer& one = layer(place);
        const int16_t* from = source<int16_t>(one.sources[0], block);
        int16_t* to = target<int16_t>(place, block);
        for (std::size_t i = 0; i < block.count; ++i, from += 2 * one.channels) {
            graph_.kernels().gate(from, from + one.channels, one.channels, one.opening, to);
            to += one.channels;
        }
    }

    void concatenate(std::size_t place, const Block& block) const {
        const Layer& one = layer(place);
        int16_t* to = target<int16_t>(place, block);
        for (const std::size_t part : one.sources) {
            const std::size_t channels = layer(part).channels;
            const int16_t* from = source<int16_t>(part, block);
            for (std::size_t i = 0; i < block.count; ++i) {
                std::memcpy(to + i * one.channels, from + i * channels, channels * 2);
            }
            to += channels;
        }
    }

    // Calls f(row, column, target) for the pixels of a block; rows go on from picture to picture.
    template <class F>
    void for_pixels(std::size_t place, const Block& block, F&& f) const {
        const std::size_t width = sizes_[place].width;
        int16_t* to = target<int16_t>(place, block);
        std::size_t row = block.first / width;
        std::size_t column = block.first % width;
        for (std::size_t i = 0; i < block.count; ++i, to += layer(place).channels) {
            f(row, column, to);
            if (++column == width) ++row, column = 0;
        }
    }

    void unshuffle(std::size_t place, const Block& block) const {
        const Layer& one = layer(place);
        const std::size_t n = one.factor;
        const std::size_t stride = sizes_[place].width * one.channels / n;  // of the source's rows
        const std::size_t cell = one.channels / n;
        const int16_t* const from = plane(one.sources[0]);
        for_pixels(place, block, [&](std::size_t row, std::size_t column, int16_t* to) {
            for (std::size_t i = 0; i < n; ++i) {
                std::memcpy(to + i * cell, from + (row * n + i) * stride + column * cell, cell * 2);
            }
        });
    }

    void shuffle(std::size_t place, const Block& block) const {
        const Layer& one = layer(place);
        const std::size_t n = one.factor;
        const std::size_t width = sizes_[place].width;
        const int16_t* const from = plane(one.sources[0]);
        int16_t* to = target<int16_t>(place, block);
        std::size_t left = block.count;
        for (std::size_t at = block.first; left > 0;) {
            const std::size_t row = at / width;
            const std::size_t column = at % width;
            // The pixels of one cell's row lie side by side in the source, too.
            const std::size_t pixels = std::min(n - column % n, left);
            const std::size_t cell = row / n * (width / n) + column / n;
            const std::size_t part = (cell * n + row % n) * n + column % n;
            std::memcpy(to, from + part * one.channels, pixels * one.channels * 2);
            to += pixels * one.channels;
            at += pixels;
            left -= pixels;
        }
    }

    void subsample(std::size_t place, const Block& block) const {
        const Layer& one = layer(place);
        const std::size_t width = sizes_[one.sources[0]].width;
        const int16_t* const from = plane(one.sources[0]);
        for_pixels(place, block, [&](std::size_t row, std::size_t column, int16_t* to) {
            const std::size_t pixel = (2 * row + one.row) * width + 2 * column + one.column;
            std::memcpy(to, from + pixel * one.channels, one.channels * 2);
        });
    }

    void mix(std::size_t place, const Block& block) const {
        const Layer& one = layer(place);
        const std::size_t area = sizes_[place].height * sizes_[place].width;
        const std::size_t latents = one.channels / one.sources.size();
        const MixtureTarget& all = arguments_.targets[place].mixture;
        if (!one.output) return;
        for (std::size_t part = 0; part < one.sources.size(); ++part) {
            const Layer& from = layer(one.sources[part]);
            for (std::size_t i = 0; i < block.count; ++i) {
                const std::size_t pixel = block.first + i;
                const std::size_t picture = pixel / area;
                const std::size_t at = pixel * one.channels + part * latents;
                // The components of a picture come one after the other.
                const std::size_t component =
                    at + picture * (one.components - 1) * area * one.channels;
                const MixtureTarget to{all.centres + at, all.logits + component,
                                       all.means + component, all.scales + component,
                                       area * one.channels};
                const auto with = [&](auto kernel, const auto* raw) {
                    kernel(raw + i * from.channels, latents, one.components, to);
                };
                if (from.wide) {
                    with(graph_.kernels().mixture_wide,
                         source<int32_t>(one.sources[part], block));
                } else {
                    with(graph_.kernels().mixture, source<int16_t>(one.sources[part], block));
                }
            }
        }
    }

    const Graph& graph_;
    const std::vector<Size>& sizes_;
    const Arguments& arguments_;
    std::vector<std::byte*> planes_;
    std::vector<Buffer> buffers_;
    std::vector<int16_t> zeros_;  // what depthwise convolutions see beyond the picture
};

}  // namespace

Scale::Scale(const Graph& graph, const Layer& layer, const int32_t* factors,
             const int32_t* addends) {
    const std::size_t channels = layer.channels;
    std::vector<int32_t> low(channels), high(channels);
    for (std::size_t i = 0; i < channels; ++i) {
        // Limits before the addend: what they cannot be in 32 bits, no accumulator can be.
        const int64_t least = int64_t{layer.low} - addends[i];
        const int64_t most = int64_t{layer.high} - addends[i];
        low[i] = static_cast<int32_t>(std::clamp<int64_t>(least, INT32_MIN, INT32_MAX));
        high[i] = static_cast<int32_t>(std::clamp<int64_t>(most, INT32_MIN, INT32_MAX));
    }
    multipliers = graph.by_tiles(factors, channels, layer.wide);
    lows = graph.by_tiles(low.data(), channels, layer.wide);
    highs = graph.by_tiles(high.data(), channels, layer.wide);
    offsets = graph.by_tiles(addends, channels, layer.wide);
}

std::vector<Size> value_sizes(const Graph& graph, const std::vector<Size>& inputs) {
    std::vector<Size> sizes;
    std::size_t input = 0;
    const auto push = [&](const Layer& layer, const Size& size) {
        require(size.batch > 0 && size.height > 0 && size.width > 0, "a value is empty");
        const std::size_t most = kMaximumNumbers / layer.channels;
        require(size.batch <= most / size.height / size.width, "a value is too large");
        sizes.push_back(size);
    };
    for (const Layer& layer : graph.layers()) {
        if (layer.kind == Kind::input) {
            require(input < inputs.size(), "the graph has another number of inputs");
            push(layer, inputs[input++]);
            continue;
        }
        Size size = sizes[layer.sources[0]];
        for (const std::size_t source : layer.sources) {
            require(sizes[source] == size, "values of different sizes");
        }
        if (layer.kind == Kind::shuffle) {
            size.height *= layer.factor;
            size.width *= layer.factor;
        } else if (layer.kind == Kind::unshuffle || layer.kind == Kind::subsample) {
            const std::size_t n = layer.kind == Kind::subsample ? 2 : layer.factor;
            require(size.height % n == 0 && size.width % n == 0, "a value's sides do not divide");
            size.height /= n;
            size.width /= n;
        }
        push(layer, size);
    }
    require(input == inputs.size(), "the graph has another number of inputs");
    for (const Stage& stage : graph.stages()) {
        for (const std::size_t place : stage.layers) {
            require(sizes[place] == sizes[stage.layers[0]], "values of different sizes");
        }
    }
    return sizes;
}

void run(const Graph& graph, const std::vector<Size>& sizes, const Arguments& arguments,
         std::size_t threads) {
    for (std::size_t place = 0; place < graph.layers().size(); ++place) {
        const Kind kind = graph.layers()[place].kind;
        const bool scaled =
            kind == Kind::convolution || kind == Kind::depthwise || kind == Kind::gain;
        require(!scaled || !arguments.scales[place].multipliers.empty(), "a scale is missing");
    }
    Executor(graph, sizes, arguments).run(std::max<std::size_t>(threads, 1));
}

}  // namespace lic::networks
