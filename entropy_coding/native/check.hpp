// The check value of a sequence of symbols and other values: 24 bits that change, but for once in
// 2^24 times, when any of these does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels.hpp"

namespace lic {

class CheckValue {
public:
    explicit CheckValue(const Kernels& kernels) : kernels_(kernels) {}

    void add(const int32_t* symbols, std::size_t count) {
        kernels_.check(symbols, count, columns_.data());
    }

    uint32_t value() const {
        uint32_t x = 0;
        for (const uint32_t column : columns_) x = x * 0x85EBCA6Bu + column;
        x = (x ^ x >> 16) * 0x7FEB352Du;
        x = (x ^ x >> 15) * 0x846CA68Bu;
        return (x ^ x >> 16) & 0xFFFFFF;
    }

private:
    const Kernels& kernels_;
    std::array<uint32_t, 16> columns_{};
};

}  // namespace lic
