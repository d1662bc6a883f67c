// The choice among kernels that are compiled once for every instruction set.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <stdexcept>
#include <string>
#if defined(LIC_X86)
#include <cpuid.h>
#endif

namespace lic {

// Whether this machine has the instruction set of that name.
inline bool machine_has(const char* name) {
    const auto is = [name](const char* other) { return std::strcmp(name, other) == 0; };
#if defined(LIC_X86)
    __builtin_cpu_init();
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (is("avx512vnni")) return avx512 && __builtin_cpu_supports("avx512vnni");
    if (is("avx512")) return avx512;
    if (is("avxvnni")) {
        // Not all compilers know this one by its name.
        unsigned a = 0, b = 0, c = 0, d = 0;
        const bool told = __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0;
        return __builtin_cpu_supports("avx2") && told && (a >> 4 & 1) != 0;
    }
    if (is("avx2")) return __builtin_cpu_supports("avx2");
    if (is("sse41")) return __builtin_cpu_supports("sse4.1");
#elif defined(LIC_SSE41)
    if (is("sse41")) return true;
#elif defined(LIC_ARM64)
    if (is("neon")) return true;
#endif
    return is("scalar");
}

// All instruction sets that anything here has kernels for, the fastest first. The name of one is an
// upper limit: not all that is compiled has kernels for each, and not all machines can run them.
constexpr const char* kInstructionSets[] = {"avx512vnni", "avx512", "avxvnni", "avx2",
                                            "sse41",      "neon",   "scalar"};

// The place of a name among them, 0 of an empty one; throws std::invalid_argument for an unknown one.
inline std::size_t rank(const char* name) {
    if (*name == '\0') return 0;
    std::string known;
    for (std::size_t i = 0; i < std::size(kInstructionSets); ++i) {
        if (std::strcmp(name, kInstructionSets[i]) == 0) return i;
        known += (i ? ", " : "") + std::string(kInstructionSets[i]);
    }
    throw std::invalid_argument("there is no instruction set '" + std::string(name) +
                                "'; the known ones are: " + known);
}

// Those of the kernels given, the fastest first, that this machine can run. `Kernels` has a `name`.
template <class Kernels>
class Available {
public:
    explicit Available(std::initializer_list<const Kernels*> all) {
        for (const Kernels* one : all) {
            if (!machine_has(one->name)) continue;
            kernels_[count_] = one;
            names_[count_++] = one->name;
        }
    }

    // The kernels of an instruction set by name, or null.
    const Kernels* find(const char* name) const {
        for (std::size_t i = 0; i < count_; ++i) {
            if (std::strcmp(names_[i], name) == 0) return kernels_[i];
        }
        return nullptr;
    }

    // The fastest kernels up to an instruction set, or of all if its name is empty.
    const Kernels& best(const char* limit) const {
        const std::size_t highest = rank(limit);
        std::size_t i = 0;
        while (i + 1 < count_ && rank(names_[i]) < highest) ++i;
        return *kernels_[i];
    }

    const char* const* names(std::size_t* count) const {
        *count = count_;
        return names_.data();
    }

private:
    std::array<const Kernels*, 6> kernels_{};
    std::array<const char*, 6> names_{};
    std::size_t count_ = 0;
};

}  // namespace lic
