#include "kernels.hpp"

#include <array>
#include <cstring>

namespace lic {

extern const Kernels kernels_scalar;
#if defined(LIC_X86)
extern const Kernels kernels_avx512;
extern const Kernels kernels_avx2;
extern const Kernels kernels_sse41;
#elif defined(LIC_ARM64)
extern const Kernels kernels_neon;
#endif

namespace {

struct Available {
    std::array<const Kernels*, 4> kernels{};
    std::array<const char*, 4> names{};
    std::size_t count = 0;

    void add(const Kernels& one) {
        kernels[count] = &one;
        names[count++] = one.name;
    }

    Available() {
#if defined(LIC_X86)
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
            add(kernels_avx512);
        }
        if (__builtin_cpu_supports("avx2")) add(kernels_avx2);
        if (__builtin_cpu_supports("sse4.1")) add(kernels_sse41);
#elif defined(LIC_ARM64)
        add(kernels_neon);
#endif
        add(kernels_scalar);
    }
};

const Available& available() {
    static const Available all;
    return all;
}

}  // namespace

const Kernels* find_kernels(const char* name) {
    for (std::size_t i = 0; i < available().count; ++i) {
        if (std::strcmp(available().names[i], name) == 0) return available().kernels[i];
    }
    return nullptr;
}

const char* const* available_kernels(std::size_t* count) {
    *count = available().count;
    return available().names.data();
}

}  // namespace lic
