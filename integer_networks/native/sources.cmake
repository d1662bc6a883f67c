# LIC_NETWORK_SOURCES: the executor of integer networks without its Python bindings. Its kernels are
# compiled once for each instruction set, as the entropy coder's, whose sources.cmake comes first.
set(LIC_NETWORK_KERNELS ${LIC_KERNELS})
if("avx512" IN_LIST LIC_KERNELS)
  list(APPEND LIC_NETWORK_KERNELS avxvnni avx512vnni)
endif()
set(LIC_NETWORK_SOURCES)
foreach(name executor graph kernels packing)
  list(APPEND LIC_NETWORK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/${name}.cpp)
endforeach()
lic_add_kernels(LIC_NETWORK_SOURCES ${CMAKE_CURRENT_LIST_DIR} ${LIC_NETWORK_KERNELS})
