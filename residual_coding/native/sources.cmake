# LIC_RESIDUAL_SOURCES: the residual layer without its Python bindings; after the entropy coder's.
set(LIC_RESIDUAL_SOURCES ${CMAKE_CURRENT_LIST_DIR}/tile.cpp)
# The encoder's choices are made in floating point: they shall be the same on every machine.
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  set_source_files_properties(
    ${LIC_RESIDUAL_SOURCES} PROPERTIES COMPILE_OPTIONS "${LIC_KERNEL_OPTIMIZATION};-ffp-contract=off")
endif()
