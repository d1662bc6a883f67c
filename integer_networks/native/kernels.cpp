#include "kernels.hpp"

#include "../../entropy_coding/native/dispatch.hpp"

namespace lic::networks {

extern const Kernels kernels_scalar;
#if defined(LIC_X86)
extern const Kernels kernels_avx512vnni;
extern const Kernels kernels_avx512;
extern const Kernels kernels_avxvnni;
extern const Kernels kernels_avx2;
extern const Kernels kernels_sse41;
#elif defined(LIC_SSE41)
extern const Kernels kernels_sse41;
#elif defined(LIC_ARM64)
extern const Kernels kernels_neon;
#endif

namespace {

const Available<Kernels>& available() {
    static const Available<Kernels> all{
#if defined(LIC_X86)
        &kernels_avx512vnni, &kernels_avx512, &kernels_avxvnni, &kernels_avx2, &kernels_sse41,
#elif defined(LIC_SSE41)
        &kernels_sse41,
#elif defined(LIC_ARM64)
        &kernels_neon,
#endif
        &kernels_scalar};
    return all;
}

}  // namespace

const Kernels* find_kernels(const char* name) { return available().find(name); }

const Kernels& best_kernels(const char* limit) { return available().best(limit); }

const char* const* available_kernels(std::size_t* count) { return available().names(count); }

}  // namespace lic::networks
