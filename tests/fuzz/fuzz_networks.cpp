// Fuzzing the executor of integer networks: whatever a graph is, its layers are accepted or throw
// std::invalid_argument; what runs stays within its arrays, and gives the same integers with every
// instruction set, any number of threads, and whether or not values share their memory.
//
// Nothing is proven about these graphs, as Python would: sums wrap around where they overflow, on
// every machine alike. Sizes are declared freely, but arrays are as long as the caller says.
//
// The input's bytes are choices, in the order in which `Recipe` asks for them.
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include "driver.hpp"
#include "executor.hpp"

namespace {

using namespace lic::networks;
using lic::fuzz::Bytes;
using lic::fuzz::require;

constexpr std::size_t kLayers = 40;
constexpr std::size_t kLongestArray = std::size_t{1} << 16;
constexpr std::size_t kMostNumbers = std::size_t{1} << 17;
constexpr std::size_t kMostWork = std::size_t{1} << 22;

// Choices, and after the last byte zeros.
class Reader {
public:
    Reader(const uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}

    bool done() const { return at_ == end_; }
    std::size_t byte() { return done() ? 0 : *at_++; }
    std::size_t any() {
        std::size_t number = 0;
        for (int i = 0; i < 8; ++i) number = number << 8 | byte();
        return number;
    }
    // Below a limit; or now and then anything.
    std::size_t below(std::size_t limit) {
        const std::size_t choice = byte();
        return choice < 252 ? choice % limit : any();
    }
    std::size_t one_of(std::initializer_list<std::size_t> choices) {
        const std::size_t choice = below(choices.size());
        return choice < choices.size() ? choices.begin()[choice] : choice;
    }

private:
    const uint8_t* at_;
    const uint8_t* end_;
};

// Arrays of numbers, small or of all sizes, by two bytes.
template <class T>
std::vector<T> numbers(Reader& reader, std::size_t count) {
    uint32_t state = static_cast<uint32_t>(reader.byte());
    const std::size_t narrowed = reader.byte() % (8 * sizeof(T));
    std::vector<T> result(count);
    for (T& number : result) {
        state = state * 1664525u + 1013904223u;
        const uint32_t bits = state ^ state >> 15;
        number = static_cast<T>(static_cast<T>(bits) >> narrowed);
    }
    return result;
}

// A graph as the bytes say, for any kernels.
class Recipe {
public:
    Recipe(Reader reader, const Kernels& kernels) : graph(kernels), reader_(reader) {
        for (std::size_t i = 0; i < kLayers && !reader_.done(); ++i) {
            const std::size_t before = graph.layers().size();
            bool fits = true;
            try {
                add();
            } catch (const std::invalid_argument&) {
                fits = false;
            }
            require(graph.layers().size() == before + fits, "a refused layer is there all the same");
        }
    }

    Graph graph;
    const Reader& rest() const { return reader_; }

private:
    void add() {
        const std::size_t kind = graph.layers().empty() ? 0 : reader_.byte() % 18;
        const std::size_t source = earlier();
        switch (kind) {
            case 0:
                graph.input(1 + reader_.below(40), reader_.one_of({1, 1, 1, 2, 4, 3}));
                return;
            case 1: case 2: case 3: return convolution(source);
            case 4: case 5: return depthwise(source);
            case 6: graph.hard_swish(source, opening()); return;
            case 7: graph.gate(source, opening()); return;
            case 8: case 9: graph.add(source, like(source)); return;
            case 10: return gain(source);
            case 11: case 12: graph.concatenation(several(source)); return;
            case 13: graph.unshuffle(source, reader_.one_of({2, 2, 4, 3})); return;
            case 14: graph.shuffle(source, reader_.one_of({2, 2, 4, 3})); return;
            case 15: graph.subsample(source, reader_.below(2), reader_.below(2)); return;
            default: graph.mixture(several(source), 1 + reader_.below(4)); return;
        }
    }

    std::size_t earlier() {
        const std::size_t count = graph.layers().size();
        const std::size_t back = reader_.below(std::min<std::size_t>(count, 6) + 1);
        return back == 0 ? count - 1 : count - back;  // and now and then none
    }

    std::size_t channels(std::size_t place) const {
        return place < graph.layers().size() ? graph.layers()[place].channels : 1;
    }

    // A layer of the same shape, if possible.
    std::size_t like(std::size_t source) {
        const std::size_t choice = reader_.byte();
        std::vector<std::size_t> fitting;
        for (std::size_t place = 0; place < graph.layers().size(); ++place) {
            if (source < graph.layers().size() && channels(place) == channels(source) &&
                graph.layers()[place].resolution == graph.layers()[source].resolution) {
                fitting.push_back(place);
            }
        }
        return choice >= 250 || fitting.empty() ? earlier() : fitting[choice % fitting.size()];
    }

    std::vector<std::size_t> several(std::size_t first) {
        std::vector<std::size_t> sources{first};
        for (std::size_t more = reader_.byte() % 20; more % 4 > 0; --more) {
            sources.push_back(like(first));
        }
        if (reader_.byte() == 255) sources.resize(reader_.byte());
        return sources;
    }

    Opening opening() {
        return {static_cast<int32_t>(reader_.one_of({3000, 200, 32767, 1})),
                static_cast<int32_t>(reader_.one_of({1 << 20, 1 << 28, 1 << 14}))};
    }

    int32_t limit() { return static_cast<int32_t>(reader_.one_of({32767, 255, 1 << 30, 0})); }

    void gain(std::size_t source) {
        const int32_t low = -limit();
        graph.gain(source, low, limit());
    }

    void convolution(std::size_t source) {
        const std::size_t inputs = channels(source) + (reader_.byte() > 250);
        const std::size_t outputs = reader_.one_of({1, 3, 8, 20, 31, 32, 33, 64, 65, 9000});
        if (outputs > kLongestArray || outputs * inputs > kLongestArray) return refuse();
        const auto weights = numbers<int16_t>(reader_, outputs * inputs);
        const auto bias = numbers<int32_t>(reader_, outputs);
        const int32_t low = -limit();
        graph.convolution(source, weights.data(), outputs, inputs, bias.data(), low, limit());
    }

    void depthwise(std::size_t source) {
        const std::size_t count = channels(source) + (reader_.byte() > 250);
        const std::size_t side = reader_.one_of({3, 5, 7, 3, 4});
        if (side > 16 || count * side * side > kLongestArray) return refuse();
        const auto weights = numbers<int16_t>(reader_, side * side * count);
        const auto bias = numbers<int32_t>(reader_, count);
        const int32_t low = -limit();
        graph.depthwise(source, weights.data(), side, count, bias.data(), low, limit());
    }

    [[noreturn]] static void refuse() { throw std::invalid_argument("too long for a test"); }

    Reader reader_;
};

// How a graph runs.
struct Way {
    const Kernels& kernels;
    std::size_t threads;
    bool all_outputs;  // no value shares memory with another
    uint8_t fill;      // what outputs hold before
};

// Arrays that end where a value does, so that the sanitizer sees what reads or writes beyond.
struct Output {
    std::vector<int16_t> narrow, means;
    std::vector<int32_t> wide, centres;
    std::vector<int8_t> logits;
    std::vector<uint8_t> scales;
    bool operator==(const Output&) const = default;

    Output(const Layer& layer, const Size& size, uint8_t fill) {
        const std::size_t count = size.pixels() * layer.channels;
        const auto number = static_cast<int8_t>(fill);
        if (layer.kind == Kind::mixture) {
            centres.assign(count, number);
            logits.assign(count * layer.components, number);
            means.assign(count * layer.components, number);
            scales.assign(count * layer.components, fill);
        } else if (layer.wide) {
            wide.assign(count, number);
        } else {
            narrow.assign(count, number);
        }
    }

    Target target(const Layer& layer, const Size& size) {
        if (layer.kind == Kind::mixture) {
            return {nullptr,
                    {centres.data(), logits.data(), means.data(), scales.data(),
                     size.height * size.width * layer.channels}};
        }
        return {layer.wide ? static_cast<void*>(wide.data()) : narrow.data()};
    }
};

// Outputs by their places, if the graph runs.
struct Outcome {
    bool ran = false;
    std::map<std::size_t, Output> outputs{};
};

std::vector<std::size_t> chosen_outputs(const Graph& graph, Reader& reader, bool all) {
    std::vector<std::size_t> outputs;
    for (std::size_t place = 0; place < graph.layers().size(); ++place) {
        const bool chosen = reader.byte() % 4 == 0 || place + 1 == graph.layers().size();
        if ((all || chosen) && graph.layers()[place].kind != Kind::input) outputs.push_back(place);
    }
    if (reader.byte() == 255) outputs.push_back(reader.any());
    return outputs;
}

std::vector<Size> input_sizes(const Graph& graph, Reader& reader) {
    const std::size_t batch = 1 + reader.below(3);
    const std::size_t height = reader.one_of({1, 4, 8, 12, 16, 5});
    const std::size_t width = reader.one_of({1, 4, 8, 12, 16, 7});
    std::vector<Size> sizes;
    for (const Layer& layer : graph.layers()) {
        if (layer.kind != Kind::input) continue;
        const std::size_t divisor = layer.resolution.denominator;
        sizes.push_back({batch, height / divisor, width / divisor});
    }
    return sizes;
}

bool too_much(const Graph& graph, const std::vector<Size>& sizes) {
    std::size_t count = 0, work = 0;
    for (std::size_t place = 0; place < sizes.size(); ++place) {
        const Layer& layer = graph.layers()[place];
        const std::size_t pixels = sizes[place].pixels();
        if (pixels > kMostNumbers) return true;
        count += pixels * layer.channels;
        for (const std::size_t source : layer.sources) {
            const bool dense = layer.kind == Kind::convolution;
            const std::size_t terms = dense ? graph.layers()[source].channels : 49;
            work += pixels * layer.channels * terms;
        }
    }
    return count > kMostNumbers || work > kMostWork;
}

Outcome run_all(const Way& way, const uint8_t* data, std::size_t size) {
    Recipe recipe(Reader(data, size), way.kernels);
    Graph& graph = recipe.graph;
    // The bytes that told the layers tell the rest, too.
    Reader reader(data, size);
    Outcome outcome;
    try {
        graph.plan(chosen_outputs(graph, reader, way.all_outputs));
        const std::vector<Layer>& layers = graph.layers();
        const std::vector<Size> sizes = value_sizes(graph, input_sizes(graph, reader));
        if (too_much(graph, sizes)) return {};
        Arguments arguments{std::vector<const int16_t*>(layers.size()),
                            std::vector<Target>(layers.size()), std::vector<Scale>(layers.size())};
        std::vector<std::vector<int16_t>> inputs;
        for (std::size_t place = 0; place < layers.size(); ++place) {
            const Layer& layer = layers[place];
            if (layer.kind == Kind::input) {
                inputs.push_back(numbers<int16_t>(reader, sizes[place].pixels() * layer.channels));
                arguments.inputs[place] = inputs.back().data();
            }
            if (layer.kind == Kind::convolution || layer.kind == Kind::depthwise ||
                layer.kind == Kind::gain) {
                const auto factors = numbers<int32_t>(reader, layer.channels);
                const auto addends = numbers<int32_t>(reader, layer.channels);
                if (reader.byte() == 255) continue;
                arguments.scales[place] = Scale(graph, layer, factors.data(), addends.data());
            }
            if (layer.output) {
                const auto [output, _] =
                    outcome.outputs.emplace(place, Output(layer, sizes[place], way.fill));
                arguments.targets[place] = output->second.target(layer, sizes[place]);
            }
        }
        run(graph, sizes, arguments, way.threads);
        outcome.ran = true;
    } catch (const std::invalid_argument&) {
    }
    return outcome;
}

std::size_t runs = 0;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    if (size > 4096) return 0;
    std::size_t count = 0;
    const char* const* names = available_kernels(&count);
    const Outcome expected = run_all({*find_kernels("scalar"), 1, false, 0x55}, data, size);
    for (std::size_t i = 0; i < count; ++i) {
        const Way way{*find_kernels(names[i]), 1 + i % 3, i % 2 == 0, 0xA5};
        const Outcome found = run_all(way, data, size);
        require(found.ran == expected.ran, "a graph runs in one way only");
        if (!expected.ran) continue;
        for (const auto& [place, output] : expected.outputs) {
            require(found.outputs.at(place) == output, "the same graph gives other integers");
        }
    }
    runs += expected.ran;
    return 0;
}

#if !defined(LIC_LIBFUZZER)

int main(int count, char** arguments) {
    const auto valid = [](std::mt19937& random) {
        Bytes input(20 + random() % 200);
        for (uint8_t& byte : input) byte = static_cast<uint8_t>(random());
        return input;
    };
    const int status = lic::fuzz::drive(count, arguments, valid);
    std::printf("%zu of them ran\n", runs);
    return status;
}

#endif
