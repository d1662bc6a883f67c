# lic.wasm: the library alone, without JavaScript of Emscripten's; lic.js loads it. With the files
# beside it, it makes the folder `site`, which any web server can serve.
set(LIC_SITE ${CMAKE_CURRENT_BINARY_DIR}/site)
set(LIC_EXPORTS lic_weights_open lic_weights_digest lic_weights_close lic_open lic_get_info
                lic_get_metadata lic_close lic_decode malloc free)
list(TRANSFORM LIC_EXPORTS PREPEND _)
list(JOIN LIC_EXPORTS , LIC_EXPORTS)

# Of the library: the linker wants a source.
add_executable(lic_wasm ${CMAKE_CURRENT_LIST_DIR}/exports.cpp)
target_link_libraries(lic_wasm PRIVATE lic)
set_target_properties(lic_wasm PROPERTIES OUTPUT_NAME lic SUFFIX .wasm
                                          RUNTIME_OUTPUT_DIRECTORY ${LIC_SITE})
target_link_options(lic_wasm PRIVATE -O3 -sSTANDALONE_WASM --no-entry -sALLOW_MEMORY_GROWTH
                    -sEXPORTED_FUNCTIONS=${LIC_EXPORTS})
