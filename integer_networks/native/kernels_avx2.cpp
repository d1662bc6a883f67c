#define LIC_ISA_AVX2
#define LIC_ISA_NAME "avx2"
#define LIC_KERNELS kernels_avx2
#include "kernels.inl"
