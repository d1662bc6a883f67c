# The folder `site`: lic.wasm, which is the library alone, without JavaScript of Emscripten's, and
# what loads and shows it.
set(LIC_SITE ${CMAKE_CURRENT_BINARY_DIR}/site)
set(LIC_WEIGHTS ${ROOT}/weights/small-3.safetensors CACHE FILEPATH "what index.html loads")
set(LIC_EXPORTS)
foreach(name lic_weights_open lic_open lic_get_info lic_close lic_decode malloc free)
  list(APPEND LIC_EXPORTS _${name})
endforeach()
list(JOIN LIC_EXPORTS , LIC_EXPORTS)

add_executable(lic_wasm native/api.cpp)
target_link_libraries(lic_wasm PRIVATE lic)
set_target_properties(lic_wasm PROPERTIES OUTPUT_NAME lic SUFFIX .wasm
                                          RUNTIME_OUTPUT_DIRECTORY ${LIC_SITE})
set(LIC_PAGES index.html lic.js worker.js make_site.py)
list(TRANSFORM LIC_PAGES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
set_target_properties(lic_wasm PROPERTIES LINK_DEPENDS "${LIC_PAGES}")
target_link_options(lic_wasm PRIVATE -O3 -sSTANDALONE_WASM --no-entry -sALLOW_MEMORY_GROWTH
                    -sEXPORTED_FUNCTIONS=${LIC_EXPORTS})

find_package(Python 3.11 REQUIRED COMPONENTS Interpreter)
add_custom_command(
  TARGET lic_wasm POST_BUILD
  COMMAND ${Python_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/make_site.py ${LIC_SITE} ${LIC_WEIGHTS})
