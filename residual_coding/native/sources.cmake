# LIC_RESIDUAL_SOURCES: the residual layer without its Python bindings.
set(LIC_RESIDUAL_SOURCES ${CMAKE_CURRENT_LIST_DIR}/tile.cpp)
