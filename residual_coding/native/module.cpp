// Python bindings. What is checked here is what memory safety depends on.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include "tile.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace lic::residual {
namespace {

using Pixels = nb::ndarray<const uint8_t, nb::shape<-1, -1, 3>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<uint8_t, nb::shape<-1, -1, 3>, nb::c_contig, nb::device::cpu>;

void require(bool condition, const char* message) {
    if (!condition) throw std::invalid_argument(message);
}

// Places within a picture are numbers of 32 bits.
void require_size(const Output& picture) {
    require(picture.size() > 0 && picture.shape(0) <= 1 << 14 && picture.shape(1) <= 1 << 14,
            "a picture must have 1 to 16384 rows and columns");
}

const uint8_t* base_of(const std::optional<Pixels>& base, const Output& decoded) {
    if (!base) return nullptr;
    require(base->shape(0) == decoded.shape(0) && base->shape(1) == decoded.shape(1),
            "the shapes of pictures differ");
    return base->data();
}

nb::tuple encode(const Pixels& source, const std::optional<Pixels>& base, const Output& decoded,
                 int step, int bound, double lambda, int max_error) {
    require(source.shape(0) == decoded.shape(0) && source.shape(1) == decoded.shape(1),
            "the shapes of pictures differ");
    require_size(decoded);
    require(step >= 1 && step < 65536 && bound >= 0 && bound < 128, "a step is out of range");
    const uint8_t* under = base_of(base, decoded);
    Coded coded;
    {
        nb::gil_scoped_release release;
        coded = encode_tile(
            {source.data(), static_cast<int>(source.shape(0)), static_cast<int>(source.shape(1))},
            under, {step, bound, lambda, max_error}, decoded.data());
    }
    return nb::make_tuple(
        nb::bytes(reinterpret_cast<const char*>(coded.bytes.data()), coded.bytes.size()),
        coded.squared_error);
}

void decode(const nb::bytes& data, const std::optional<Pixels>& base, const Output& decoded) {
    require_size(decoded);
    const uint8_t* under = base_of(base, decoded);
    nb::gil_scoped_release release;
    decode_tile(reinterpret_cast<const uint8_t*>(data.c_str()), data.size(), under,
                static_cast<int>(decoded.shape(0)), static_cast<int>(decoded.shape(1)),
                decoded.data());
}

}  // namespace
}  // namespace lic::residual

NB_MODULE(_native, module) {
    using namespace lic::residual;
    module.def("encode", &encode, "source"_a, "base"_a.none(), "decoded"_a, "step"_a, "bound"_a,
               "lambda_"_a, "max_error"_a);
    module.def("decode", &decode, "data"_a, "base"_a.none(), "decoded"_a);
}
