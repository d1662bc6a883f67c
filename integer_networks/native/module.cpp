// Python bindings. A graph and its inputs have been checked by the Python classes; what is checked
// again here is what memory safety depends on.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <initializer_list>
#include <stdexcept>
#include <tuple>

#include "executor.hpp"
#include "packing.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace lic::networks {
namespace {

template <class T, std::size_t N>
using Array = nb::ndarray<const T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;
using AnyArray = nb::ndarray<nb::c_contig, nb::device::cpu>;
using Places = std::vector<std::size_t>;

void require(bool condition, const char* message) {
    if (!condition) throw std::invalid_argument(message);
}

const Kernels& found(const char* isa) {
    const Kernels* kernels = find_kernels(isa);
    require(kernels != nullptr, "this machine has no such instruction set");
    return *kernels;
}

template <class T>
T* checked(const nb::handle& object, std::initializer_list<std::size_t> shape) {
    const auto array = nb::cast<AnyArray>(object);
    require(array.dtype() == nb::dtype<T>() && array.ndim() == shape.size(),
            "an output's type is wrong");
    std::size_t axis = 0;
    for (const std::size_t length : shape) {
        require(array.shape(axis++) == length, "an output's shape is wrong");
    }
    return static_cast<T*>(array.data());
}

Target target(const Layer& layer, const Size& size, const nb::sequence& arrays) {
    const auto [batch, height, width] = size;
    const std::size_t channels = layer.channels;
    const auto plane = {batch, height, width, channels};
    if (layer.kind != Kind::mixture) {
        require(nb::len(arrays) == 1, "an output has one array");
        if (layer.wide) return {checked<int32_t>(arrays[0], plane)};
        return {checked<int16_t>(arrays[0], plane)};
    }
    require(nb::len(arrays) == 4, "a mixture has four arrays");
    const auto parts = {batch, layer.components, height, width, channels};
    return {nullptr,
            {checked<int32_t>(arrays[0], plane), checked<int8_t>(arrays[1], parts),
             checked<int16_t>(arrays[2], parts), checked<uint8_t>(arrays[3], parts),
             height * width * channels}};
}

void run_graph(const Graph& graph, const nb::sequence& inputs, const nb::sequence& scales,
               const nb::sequence& outputs, std::size_t threads) {
    const std::vector<Layer>& layers = graph.layers();
    Arguments arguments{std::vector<const int16_t*>(layers.size()),
                        std::vector<Target>(layers.size()), std::vector<Scale>(layers.size())};
    std::vector<Size> given;
    std::size_t place = 0;
    for (const nb::handle input : inputs) {
        const auto array = nb::cast<Array<int16_t, 4>>(input);
        while (place < layers.size() && layers[place].kind != Kind::input) ++place;
        require(place < layers.size() && array.shape(3) == layers[place].channels,
                "an input's channels are wrong");
        arguments.inputs[place++] = array.data();
        given.push_back({array.shape(0), array.shape(1), array.shape(2)});
    }
    const std::vector<Size> sizes = value_sizes(graph, given);

    for (const nb::handle item : scales) {
        const auto [at, factors, addends] =
            nb::cast<std::tuple<std::size_t, Array<int32_t, 1>, Array<int32_t, 1>>>(item);
        require(at < layers.size() && factors.shape(0) == layers[at].channels &&
                    addends.shape(0) == layers[at].channels,
                "a scale's channels are wrong");
        arguments.scales[at] = Scale(graph, layers[at], factors.data(), addends.data());
    }

    std::vector<bool> placed(layers.size());
    for (const nb::handle item : outputs) {
        const auto [at, arrays] = nb::cast<std::tuple<std::size_t, nb::sequence>>(item);
        require(at < layers.size() && layers[at].output, "a graph's outputs are wrong");
        arguments.targets[at] = target(layers[at], sizes[at], arrays);
        placed[at] = true;
    }
    for (std::size_t at = 0; at < layers.size(); ++at) {
        require(!layers[at].output || placed[at], "an output is missing");
    }

    nb::gil_scoped_release release;
    run(graph, sizes, arguments, threads);
}

}  // namespace
}  // namespace lic::networks

NB_MODULE(_native, m) {
    using namespace lic::networks;

    m.def("instruction_sets", [] {
        std::size_t count = 0;
        const char* const* names = available_kernels(&count);
        nb::list list;
        for (std::size_t i = 0; i < count; ++i) list.append(names[i]);
        return list;
    });
    m.def(
        "instruction_set", [](const char* limit) { return best_kernels(limit).name; }, "limit"_a);

    m.def(
        "unpack",
        [](Array<uint8_t, 1> packed, std::size_t bits, Array<uint8_t, 1> shifts,
           std::size_t stride, nb::ndarray<int16_t, nb::ndim<1>, nb::c_contig> weights) {
            unpack({packed.data(), packed.size(), bits, shifts.data(), shifts.size(), stride},
                   weights.size(), weights.data());
        },
        "packed"_a, "bits"_a, "shifts"_a, "stride"_a, "weights"_a);

    // How many multiply-adds were done: for benchmarks.
    m.def(
        "multiply_adds",
        [](const char* isa, std::size_t rounds) {
            std::size_t count = 0;
            found(isa).multiply_adds(rounds, &count);
            return count;
        },
        "isa"_a, "rounds"_a);

    nb::class_<Graph>(m, "Graph")
        .def(
            "__init__",
            [](Graph* self, const char* isa) { new (self) Graph(found(isa)); }, "isa"_a)
        .def("input", &Graph::input, "channels"_a, "divisor"_a)
        .def(
            "convolution",
            [](Graph& self, std::size_t source, Array<int16_t, 2> weights, Array<int32_t, 1> bias,
               int32_t low, int32_t high) {
                require(bias.shape(0) == weights.shape(0), "a bias does not fit its weights");
                return self.convolution(source, weights.data(), weights.shape(0),
                                        weights.shape(1), bias.data(), low, high);
            },
            "source"_a, "weights"_a, "bias"_a, "low"_a, "high"_a)
        .def(
            "depthwise",
            [](Graph& self, std::size_t source, Array<int16_t, 3> weights, Array<int32_t, 1> bias,
               int32_t low, int32_t high) {
                require(weights.shape(0) == weights.shape(1) &&
                            bias.shape(0) == weights.shape(2),
                        "a bias does not fit its weights");
                return self.depthwise(source, weights.data(), weights.shape(0), weights.shape(2),
                                      bias.data(), low, high);
            },
            "source"_a, "weights"_a, "bias"_a, "low"_a, "high"_a)
        .def(
            "hard_swish",
            [](Graph& self, std::size_t source, int32_t three, int32_t multiplier) {
                return self.hard_swish(source, {three, multiplier});
            },
            "source"_a, "three"_a, "multiplier"_a)
        .def(
            "gate",
            [](Graph& self, std::size_t source, int32_t three, int32_t multiplier) {
                return self.gate(source, {three, multiplier});
            },
            "source"_a, "three"_a, "multiplier"_a)
        .def("add", &Graph::add, "first"_a, "second"_a)
        .def("gain", &Graph::gain, "source"_a, "low"_a, "high"_a)
        .def("concatenation", &Graph::concatenation, "sources"_a)
        .def("unshuffle", &Graph::unshuffle, "source"_a, "factor"_a)
        .def("shuffle", &Graph::shuffle, "source"_a, "factor"_a)
        .def("subsample", &Graph::subsample, "source"_a, "row"_a, "column"_a)
        .def("mixture", &Graph::mixture, "sources"_a, "components"_a)
        .def("plan", &Graph::plan, "outputs"_a)
        .def("run", &run_graph, "inputs"_a, "scales"_a, "outputs"_a, "threads"_a);
}
