// JSON as weights files use it: objects, lists, strings and integers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "failure.hpp"

namespace lic::deployment {

// A value; the getters throw Failure for one of another kind.
class Json {
public:
    using List = std::vector<Json>;
    using Object = std::map<std::string, Json, std::less<>>;

    Json() = default;  // null
    template <class T>
    explicit Json(T value) : value_(std::move(value)) {}

    int64_t integer() const { return get<int64_t>("an integer"); }
    const std::string& string() const { return get<std::string>("a string"); }
    const List& list() const { return get<List>("a list"); }
    const Object& object() const { return get<Object>("an object"); }

    // An integer of low..high.
    int64_t integer(int64_t low, int64_t high) const;
    // What an object has at a key.
    const Json& at(std::string_view key) const;

private:
    template <class T>
    const T& get(const char* kind) const {
        const T* value = std::get_if<T>(&value_);
        if (!value) bad_weights(std::string("where ") + kind + " should be is another value");
        return *value;
    }

    std::variant<std::monostate, bool, int64_t, std::string, List, Object> value_;
};

// The value of a whole text; throws Failure for what is no JSON, has fractions or nests deeply.
Json parse_json(std::string_view text);

}  // namespace lic::deployment
