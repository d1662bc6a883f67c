#define LIC_ISA_NEON
#define LIC_ISA_NAME "neon"
#define LIC_KERNELS kernels_neon
#include "kernels.inl"
