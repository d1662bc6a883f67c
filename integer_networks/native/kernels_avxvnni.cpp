#define LIC_ISA_AVX2
#define LIC_ISA_NAME "avxvnni"
#define LIC_KERNELS kernels_avxvnni
#include "kernels.inl"
