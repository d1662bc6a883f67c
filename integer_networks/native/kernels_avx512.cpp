#define LIC_ISA_AVX512
#define LIC_ISA_NAME "avx512"
#define LIC_KERNELS kernels_avx512
#include "kernels.inl"
