#include "safetensors.hpp"

#include <algorithm>

namespace lic::deployment {
namespace {

constexpr std::size_t kLengthBytes = 8;

// Bytes of a number of a type, 0 of an unknown type.
std::size_t width_of(const std::string& type) {
    return type == "I8" || type == "U8" ? 1 : type == "I16" ? 2 : type == "I32" ? 4 : 0;
}

template <class T>
T number_at(const uint8_t* bytes) {
    uint32_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value |= uint32_t{bytes[i]} << 8 * i;
    return static_cast<T>(value);
}

template <class Stored, class T>
void copy_numbers(const Array& array, std::vector<T>& out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = number_at<Stored>(array.bytes.data() + i * sizeof(Stored));
    }
}

Array read_array(const Json& description, Bytes data) {
    Array array;
    array.type = description.at("dtype").string();
    std::size_t bytes = width_of(array.type);
    for (const Json& length : description.at("shape").list()) {
        array.shape.push_back(static_cast<std::size_t>(length.integer(0, INT32_MAX)));
        const std::size_t most = data.size() / std::max<std::size_t>(array.shape.back(), 1);
        if (bytes > most) bad_weights("an array is larger than the file");
        bytes *= array.shape.back();
    }
    const Json::List& offsets = description.at("data_offsets").list();
    if (offsets.size() != 2) bad_weights("an array has no place");
    const int64_t end = offsets[1].integer(0, static_cast<int64_t>(data.size()));
    const int64_t begin = offsets[0].integer(0, end);
    array.bytes = data.subspan(static_cast<std::size_t>(begin),
                               static_cast<std::size_t>(end - begin));
    // Arrays of other types belong to other kinds of weights.
    if (width_of(array.type) != 0 && array.bytes.size() != bytes) {
        bad_weights("an array's shape is not that of its bytes");
    }
    return array;
}

}  // namespace

std::size_t Array::size() const { return bytes.size() / width_of(type); }

template <class T>
std::vector<T> Array::numbers() const {
    const std::size_t width = width_of(type);
    if (width == 0 || width > sizeof(T)) bad_weights("an array is of another type");
    std::vector<T> out(size());
    if (type == "U8") {
        copy_numbers<uint8_t>(*this, out);
    } else if (width == 1) {
        copy_numbers<int8_t>(*this, out);
    } else if (width == 2) {
        copy_numbers<int16_t>(*this, out);
    } else if constexpr (sizeof(T) == 4) {
        copy_numbers<int32_t>(*this, out);
    }
    return out;
}

template std::vector<int16_t> Array::numbers() const;
template std::vector<int32_t> Array::numbers() const;

SafeTensors::SafeTensors(Bytes file) {
    if (file.size() < kLengthBytes) bad_weights("it is no weights file of lic");
    uint64_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i) length |= uint64_t{file[i]} << 8 * i;
    if (length > file.size() - kLengthBytes) bad_weights("it is no weights file of lic");
    const Bytes header = file.subspan(kLengthBytes, static_cast<std::size_t>(length));
    const Bytes data = file.subspan(kLengthBytes + header.size());
    const Json parsed =
        parse_json({reinterpret_cast<const char*>(header.data()), header.size()});
    for (const auto& [name, value] : parsed.object()) {
        if (name == "__metadata__") {
            metadata_ = value;
        } else {
            arrays_.emplace(name, read_array(value, data));
        }
    }
}

const Array* SafeTensors::find(const std::string& name) const {
    const auto found = arrays_.find(name);
    return found == arrays_.end() ? nullptr : &found->second;
}

const Array& SafeTensors::get(const std::string& name, std::size_t axes) const {
    const Array* array = find(name);
    if (!array || array->shape.size() != axes) bad_weights("there is no right array " + name);
    return *array;
}

}  // namespace lic::deployment
