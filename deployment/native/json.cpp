#include "json.hpp"

#include <algorithm>
#include <charconv>

namespace lic::deployment {
namespace {

constexpr int kDeepest = 16;

class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Json whole() {
        Json value = any(0);
        skip_spaces();
        if (at_ != text_.size()) fail();
        return value;
    }

private:
    [[noreturn]] static void fail() { bad_weights("its description is no JSON"); }

    void skip_spaces() {
        at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
    }

    // Whether the next character, after spaces, is this one, which is taken then.
    bool take(char c) {
        skip_spaces();
        if (at_ == text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }

    void expect(char c) {
        if (!take(c)) fail();
    }

    Json word(std::string_view name, Json value) {
        if (text_.substr(at_, name.size()) != name) fail();
        at_ += name.size();
        return value;
    }

    Json any(int depth) {
        if (depth > kDeepest) fail();
        skip_spaces();
        if (at_ == text_.size()) fail();
        switch (text_[at_]) {
            case '{': return object(depth);
            case '[': return list(depth);
            case '"': return Json(string());
            case 'n': return word("null", Json());
            case 't': return word("true", Json(true));
            case 'f': return word("false", Json(false));
            default: return integer();
        }
    }

    Json object(int depth) {
        Json::Object members;
        expect('{');
        if (take('}')) return Json(std::move(members));
        do {
            skip_spaces();
            std::string key = string();
            expect(':');
            members.insert_or_assign(std::move(key), any(depth + 1));
        } while (take(','));
        expect('}');
        return Json(std::move(members));
    }

    Json list(int depth) {
        Json::List items;
        expect('[');
        if (take(']')) return Json(std::move(items));
        do {
            items.push_back(any(depth + 1));
        } while (take(','));
        expect(']');
        return Json(std::move(items));
    }

    Json integer() {
        int64_t value = 0;
        const char* const end = text_.data() + text_.size();
        const auto [next, error] = std::from_chars(text_.data() + at_, end, value);
        if (error != std::errc() || (next != end && (*next == '.' || *next == 'e' || *next == 'E')))
            fail();
        at_ = next - text_.data();
        return Json(value);
    }

    std::string string() {
        std::string out;
        if (at_ == text_.size() || text_[at_++] != '"') fail();
        for (;;) {
            if (at_ == text_.size()) fail();
            const char c = text_[at_++];
            if (c == '"') return out;
            if (c == '\\') {
                escape(out);
            } else {
                out += c;
            }
        }
    }

    void escape(std::string& out) {
        constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
        if (at_ == text_.size()) fail();
        const char c = text_[at_++];
        if (const std::size_t place = kNames.find(c); place != std::string_view::npos) {
            out += kValues[place];
            return;
        }
        unsigned unit = 0;
        const char* const from = text_.data() + at_;
        if (c != 'u' || text_.size() - at_ < 4 ||
            std::from_chars(from, from + 4, unit, 16).ptr != from + 4)
            fail();
        at_ += 4;
        // Only names for people have more than ASCII, and nothing here looks at these.
        out += unit < 128 ? static_cast<char>(unit) : '?';
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

int64_t Json::integer(int64_t low, int64_t high) const {
    const int64_t value = integer();
    if (value < low || value > high) bad_weights("a number is out of range");
    return value;
}

const Json& Json::at(std::string_view key) const {
    const auto found = object().find(key);
    if (found == object().end()) bad_weights("its description has no " + std::string(key));
    return found->second;
}

Json parse_json(std::string_view text) { return Parser(text).whole(); }

}  // namespace lic::deployment
