// Python bindings. Shapes and ranges have been checked by the Python classes; what is checked again
// here is what memory safety depends on.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>

#include "check.hpp"
#include "decoder.hpp"
#include "encoder.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace lic {
namespace {

template <class T>
using Vector = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void require(bool condition, const char* message) {
    if (!condition) throw std::invalid_argument(message);
}

const Kernels& kernels(const char* isa) {
    const Kernels* found = find_kernels(isa);
    require(found != nullptr, "this machine has no such instruction set");
    return *found;
}

MixtureArrays mixture_arrays(const Matrix<int8_t>& logits, const Matrix<int16_t>& means,
                             const Matrix<uint8_t>& scales, std::size_t count) {
    const std::size_t components = logits.shape(0);
    require(components >= 1 && components <= kMaximumComponents, "1 to 4 components are possible");
    require(means.shape(0) == components && scales.shape(0) == components &&
                logits.shape(1) == count && means.shape(1) == count && scales.shape(1) == count,
            "the shapes of symbols and parameters differ");
    return {logits.data(), means.data(), scales.data(), components, count};
}

FactorizedArrays factorized_arrays(const Matrix<uint32_t>& counts, const Vector<int32_t>& lows,
                                   const Vector<int32_t>& lengths,
                                   const Vector<int32_t>& channels, std::size_t count) {
    const std::size_t rows = counts.shape(0);
    const std::size_t stride = counts.shape(1);
    require(lows.shape(0) == rows && lengths.shape(0) == rows && channels.shape(0) == count,
            "the shapes of tables, channels and symbols differ");
    for (std::size_t row = 0; row < rows; ++row) {
        const int64_t length = lengths.data()[row];
        require(length >= 2 && static_cast<std::size_t>(length) < stride &&
                    lows.data()[row] + length - 1 <= INT32_MAX,
                "a table's length is out of range");
    }
    for (std::size_t i = 0; i < count; ++i) {
        const int32_t channel = channels.data()[i];
        require(channel >= 0 && static_cast<std::size_t>(channel) < rows,
                "a channel is out of range");
    }
    return {counts.data(), lows.data(), lengths.data(), stride};
}

}  // namespace
}  // namespace lic

NB_MODULE(_native, m) {
    using namespace lic;

    // The tables live as long as the process: no leak to warn of at exit.
    nb::set_leak_warnings(false);

    nb::object error = nb::module_::import_("lic.entropy_coding.errors").attr("CorruptStreamError");
    nb::register_exception_translator(
        [](const std::exception_ptr& pointer, void* type) {
            try {
                std::rethrow_exception(pointer);
            } catch (const CorruptStream& e) {
                PyErr_SetString(static_cast<PyObject*>(type), e.what());
            }
        },
        error.release().ptr());

    nb::class_<Tables>(m, "Tables")
        .def(
            "__init__",
            [](Tables* self, Vector<int32_t> inverse_scale, Vector<int32_t> reach,
               Vector<int32_t> quantile) {
                require(inverse_scale.shape(0) == 256 && reach.shape(0) == 256 &&
                            quantile.shape(0) == 512,
                        "a table's size is wrong");
                new (self) Tables(inverse_scale.data(), reach.data(), quantile.data());
            },
            "inverse_scale"_a, "reach"_a, "quantile"_a);

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
        "mixture_counts",
        [](const Tables& tables, const char* isa, Vector<int32_t> symbols, Matrix<int8_t> logits,
           Matrix<int16_t> means, Matrix<uint8_t> scales, Output counts) {
            const auto arrays = mixture_arrays(logits, means, scales, symbols.shape(0));
            require(counts.shape(0) == arrays.count, "the shapes of symbols and counts differ");
            const Kernels& chosen = kernels(isa);
            nb::gil_scoped_release release;
            mixture_counts(tables, chosen, symbols.data(), arrays, counts.data());
        },
        "tables"_a, "isa"_a, "symbols"_a, "logits"_a, "means"_a, "scales"_a, "counts"_a);

    nb::class_<CheckValue>(m, "CheckValue")
        .def(
            "__init__",
            [](CheckValue* self, const char* isa) { new (self) CheckValue(kernels(isa)); },
            "isa"_a)
        .def(
            "add",
            [](CheckValue& self, Vector<int32_t> symbols) {
                nb::gil_scoped_release release;
                self.add(symbols.data(), symbols.shape(0));
            },
            "symbols"_a)
        .def("value", &CheckValue::value);

    nb::class_<Encoder>(m, "Encoder")
        .def(
            "__init__",
            [](Encoder* self, const Tables& tables, const char* isa) {
                new (self) Encoder(tables, kernels(isa));
            },
            "tables"_a, "isa"_a, nb::keep_alive<1, 2>())
        .def(
            "put_mixture",
            [](Encoder& self, Vector<int32_t> symbols, Matrix<int8_t> logits,
               Matrix<int16_t> means, Matrix<uint8_t> scales) {
                const auto arrays = mixture_arrays(logits, means, scales, symbols.shape(0));
                nb::gil_scoped_release release;
                self.put_mixture(symbols.data(), arrays);
            },
            "symbols"_a, "logits"_a, "means"_a, "scales"_a)
        .def(
            "put_factorized",
            [](Encoder& self, Vector<int32_t> symbols, Vector<int32_t> channels,
               Matrix<uint32_t> counts, Vector<int32_t> lows, Vector<int32_t> lengths) {
                nb::gil_scoped_release release;
                const auto arrays =
                    factorized_arrays(counts, lows, lengths, channels, symbols.shape(0));
                self.put_factorized(symbols.data(), channels.data(), symbols.shape(0), arrays);
            },
            "symbols"_a, "channels"_a, "counts"_a, "lows"_a, "lengths"_a)
        .def("cost", &Encoder::cost)
        .def("ideal_bits", &Encoder::ideal_bits, nb::call_guard<nb::gil_scoped_release>())
        .def(
            "finish",
            [](const Encoder& self, int lanes_log, int chunks_log, uint32_t check) {
                require(lanes_log >= 0 && lanes_log <= kMaximumLanesLog && chunks_log >= 0 &&
                            chunks_log <= kMaximumChunksLog,
                        "1 to 64 lanes and 1 to 16 chunks are possible");
                std::vector<uint8_t> stream;
                {
                    nb::gil_scoped_release release;
                    stream = self.finish(lanes_log, chunks_log, check & 0xFFFFFF);
                }
                return nb::bytes(stream.data(), stream.size());
            },
            "lanes_log"_a, "chunks_log"_a, "check"_a);

    nb::class_<Decoder>(m, "Decoder")
        .def(
            "__init__",
            [](Decoder* self, const Tables& tables, const char* isa, nb::bytes data,
               std::size_t threads) {
                new (self) Decoder(tables, kernels(isa), static_cast<const uint8_t*>(data.data()),
                                   data.size(), threads);
            },
            "tables"_a, "isa"_a, "data"_a, "threads"_a, nb::keep_alive<1, 2>())
        .def(
            "get_mixture",
            [](Decoder& self, Matrix<int8_t> logits, Matrix<int16_t> means, Matrix<uint8_t> scales,
               Output symbols) {
                const auto arrays = mixture_arrays(logits, means, scales, symbols.shape(0));
                nb::gil_scoped_release release;
                self.get_mixture(arrays, symbols.data());
            },
            "logits"_a, "means"_a, "scales"_a, "symbols"_a)
        .def(
            "get_factorized",
            [](Decoder& self, Vector<int32_t> channels, Matrix<uint32_t> counts,
               Vector<int32_t> lows, Vector<int32_t> lengths, Output symbols) {
                nb::gil_scoped_release release;
                const auto arrays =
                    factorized_arrays(counts, lows, lengths, channels, symbols.shape(0));
                self.get_factorized(channels.data(), symbols.shape(0), arrays, symbols.data());
            },
            "channels"_a, "counts"_a, "lows"_a, "lengths"_a, "symbols"_a)
        .def(
            "finish", [](const Decoder& self, uint32_t check) { self.finish(check & 0xFFFFFF); },
            "check"_a);
}
