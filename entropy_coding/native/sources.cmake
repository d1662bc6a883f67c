# LIC_SOURCES and LIC_DEFINITIONS: the coder without its Python bindings. The kernels are compiled
# once for each instruction set of the target, and one of them is chosen when the program runs.
set(LIC_DEFINITIONS)
set(LIC_KERNELS scalar)
option(LIC_SSE41 "compile for SSE4.1 alone: for WebAssembly, which has it, and to compile quickly")
if(LIC_SSE41)
  list(APPEND LIC_DEFINITIONS LIC_SSE41)
  list(APPEND LIC_KERNELS sse41)
elseif(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
    list(APPEND LIC_DEFINITIONS LIC_X86)
    list(APPEND LIC_KERNELS sse41 avx2 avx512)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
    list(APPEND LIC_DEFINITIONS LIC_ARM64)
    list(APPEND LIC_KERNELS neon)
  endif()
endif()
# Sanitizers make the compiler slow at more than -O1.
set(LIC_KERNEL_OPTIMIZATION -O3 CACHE STRING "how far the compiler optimizes the kernels")
set(LIC_OPTIONS_scalar "")
set(LIC_OPTIONS_neon "")
set(LIC_OPTIONS_sse41 -msse4.1)
set(LIC_OPTIONS_avx2 -mavx2)
set(LIC_OPTIONS_avxvnni -mavx2 -mavxvnni)
set(LIC_OPTIONS_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
set(LIC_OPTIONS_avx512vnni ${LIC_OPTIONS_avx512} -mavx512vnni)

# Appends a folder's kernels_*.cpp of the instruction sets that follow to a list of sources.
macro(lic_add_kernels sources folder)
  foreach(isa ${ARGN})
    set(source ${folder}/kernels_${isa}.cpp)
    list(APPEND ${sources} ${source})
    # Nothing here depends on traps or errno, and both would keep loops from being vectorized.
    if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
      set_source_files_properties(
        ${source} PROPERTIES COMPILE_OPTIONS
                             "${LIC_KERNEL_OPTIMIZATION};-fno-math-errno;-fno-trapping-math;-Wno-maybe-uninitialized;-Wno-uninitialized;${LIC_OPTIONS_${isa}}")
    endif()
  endforeach()
endmacro()

set(LIC_SOURCES)
foreach(name decoder encoder kernels)
  list(APPEND LIC_SOURCES ${CMAKE_CURRENT_LIST_DIR}/${name}.cpp)
endforeach()
lic_add_kernels(LIC_SOURCES ${CMAKE_CURRENT_LIST_DIR} ${LIC_KERNELS})
