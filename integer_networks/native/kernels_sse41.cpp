#define LIC_ISA_SSE41
#define LIC_ISA_NAME "sse41"
#define LIC_KERNELS kernels_sse41
#include "kernels.inl"
