#define LIC_ISA_AVX512
#define LIC_ISA_NAME "avx512vnni"
#define LIC_KERNELS kernels_avx512vnni
#include "kernels.inl"
