#define LIC_ISA_SCALAR
#define LIC_ISA_NAME "scalar"
#define LIC_KERNELS kernels_scalar
#include "kernels.inl"
