# The folder `site`: the decoder in WebAssembly, and what loads and shows it. lic.wasm is the
# library alone, without JavaScript of Emscripten's; lic-threads.wasm needs that to start threads.
set(LIC_SITE ${CMAKE_CURRENT_BINARY_DIR}/site)
set(LIC_WEIGHTS ${ROOT}/weights/base-5.safetensors CACHE FILEPATH "what index.html loads")

# Makes a program of the library that exports these functions and its own.
function(lic_add_wasm target)
  set(exports)
  foreach(name lic_weights_open lic_open lic_get_info lic_close lic_decode malloc free ${ARGN})
    list(APPEND exports _${name})
  endforeach()
  list(JOIN exports , exports)
  add_executable(${target})
  lic_add_sources(${target})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${LIC_SITE})
  target_link_options(${target} PRIVATE -O3 --no-entry -sALLOW_MEMORY_GROWTH
                      -sEXPORTED_FUNCTIONS=${exports})
endfunction()

lic_add_wasm(lic_wasm)
set_target_properties(lic_wasm PROPERTIES OUTPUT_NAME lic SUFFIX .wasm)
target_compile_options(lic_wasm PRIVATE -fwasm-exceptions)
target_link_options(lic_wasm PRIVATE -fwasm-exceptions -sSTANDALONE_WASM)

lic_add_wasm(lic_threads lic_start_threads)
set_target_properties(lic_threads PROPERTIES OUTPUT_NAME lic-threads SUFFIX .js)
target_sources(lic_threads PRIVATE web/pool.cpp)
target_compile_definitions(lic_threads PRIVATE LIC_THREAD_POOL)
# With threads, LLVM 14 does not find handlers of WebAssembly's exceptions by their type, but only
# `catch (...)`: these are JavaScript's exceptions.
target_compile_options(lic_threads PRIVATE -pthread -fexceptions)
# Shared memory has a maximum, for which browsers reserve addresses. lic.js tells how many workers
# there shall be; they are started before the module is ready.
target_link_options(
  lic_threads PRIVATE -pthread -fexceptions -Wno-pthreads-mem-growth -sMAXIMUM_MEMORY=1GB
  -sMODULARIZE -sEXPORT_ES6 -sENVIRONMENT=web,worker -sWASM_BIGINT -sFILESYSTEM=0
  -sPTHREAD_POOL_SIZE=Module.helpers -sPTHREAD_POOL_SIZE_STRICT=2
  -sINCOMING_MODULE_JS_API=helpers,printErr,wasmBinary,wasmMemory,buffer,instantiateWasm)
# Where Debian's Emscripten finds a package that it needs for this, if Node is not Debian's.
set_target_properties(
  lic_threads PROPERTIES RULE_LAUNCH_LINK "${CMAKE_COMMAND} -E env NODE_PATH=/usr/share/nodejs")

set(LIC_PAGES index.html lic.js worker.js make_site.py)
list(TRANSFORM LIC_PAGES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
set_target_properties(lic_wasm PROPERTIES LINK_DEPENDS "${LIC_PAGES}")
find_package(Python 3.11 REQUIRED COMPONENTS Interpreter)
add_custom_command(
  TARGET lic_wasm POST_BUILD
  COMMAND ${Python_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/make_site.py ${LIC_SITE} ${LIC_WEIGHTS})
