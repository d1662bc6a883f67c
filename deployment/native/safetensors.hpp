// Arrays of integers in a safetensors file.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "json.hpp"

namespace lic::deployment {

// A view of an array in the file, row by row.
struct Array {
    std::string type;  // "I8", "U8", "I16" or "I32"
    std::vector<std::size_t> shape;
    Bytes bytes;

    std::size_t size() const;
    // The numbers, which are of the array's type or of a smaller one.
    template <class T>
    std::vector<T> numbers() const;
};

class SafeTensors {
public:
    // Of a whole file, which must outlive it; throws Failure.
    explicit SafeTensors(Bytes file);

    const Json& metadata() const { return metadata_; }
    // The array of that name, or null.
    const Array* find(const std::string& name) const;
    // The array of that name and number of axes; throws Failure if there is none.
    const Array& get(const std::string& name, std::size_t axes) const;

private:
    Json metadata_{Json::Object()};
    std::map<std::string, Array> arrays_;
};

}  // namespace lic::deployment
