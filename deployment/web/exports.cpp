// Nothing of its own: lic.wasm exports the library.
