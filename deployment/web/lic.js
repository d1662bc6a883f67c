// Decodes lic files in a browser, or in any program that runs WebAssembly.
//
//     import { Lic } from "./lic.js";
//     const lic = await Lic.load("weights.safetensors");
//     context.putImageData(lic.decode(bytes), 0, 0);
//
// lic.wasm, beside this file, is the library of lic.h; what is read from its memory is laid out as
// that header says, on a machine of 32 bits. lic-threads.wasm is the same for several threads.

const ERROR_BYTES = 256;
const INFO_BYTES = 88;
const ID_PLACE = 20;
const ID_BYTES = 64;
const RGBA = 4;
// Of a machine of 32 bits.
const MAX_BYTES = 2 ** 32 - 1;
// With more, most of a picture's time is what only one thread can do.
const MAX_THREADS = 8;

/** Bytes that do not decode; `status` is the number in lic.h, an exit code of the command line. */
export class LicError extends Error {
  constructor(status, message) {
    super(message);
    this.name = "LicError";
    this.status = status;
  }
}

/** A decoder with its weights. */
export class Lic {
  #library;
  #weights = 0;

  /**
   * Loads a weights file, once for all pictures.
   *
   * @param weights a URL, or the file's bytes (ArrayBuffer or Uint8Array).
   * @param wasm the same of lic.wasm, which decodes on one thread, if it is not beside this module.
   * @param threads how many decode. Browsers let pages have more than one if these are cross-origin
   *   isolated; where they cannot be had, one decodes.
   */
  static async load(weights, wasm, threads = wasm ? 1 : possibleThreads()) {
    const library = threads > 1 ? threaded(threads).catch(() => single(wasm)) : single(wasm);
    const lic = new Lic();
    const [loaded, data] = await Promise.all([library, bytesOf(weights)]);
    lic.#library = loaded;
    lic.#weights = lic.#with([data, 4, ERROR_BYTES], (file, place, error) => {
      lic.#check(lic.#library.lic_weights_open(file, data.length, place, error), error);
      return lic.#integer(place);
    });
    return lic;
  }

  /** What a file says of its picture: width, height, channels (1 to 4), quality, weightsId. */
  info(bytes) {
    return this.#opened(bytes, Infinity, (file) => this.#info(file));
  }

  /**
   * The picture of a file's bytes: an ImageData, or where that is unknown an object alike.
   * Colours are those of the file's profile, if it has one, and else sRGB. Throws a LicError.
   *
   * @param maxPixels refuse larger pictures, sides rounded up to multiples of 64, before any memory
   *   is taken for them.
   */
  decode(bytes, maxPixels = 2 ** 26) {
    return this.#opened(bytes, maxPixels, (file) => {
      const { width, height } = this.#info(file);
      const size = width * height * RGBA;
      return this.#with([size, ERROR_BYTES], (pixels, error) => {
        const { lic_decode } = this.#library;
        const status = lic_decode(file, this.#weights, RGBA, this.threads, pixels, 0, error);
        this.#check(status, error);
        const data = new Uint8ClampedArray(this.#library.memory.buffer, pixels, size).slice();
        return typeof ImageData === "undefined"
          ? { width, height, data }
          : new ImageData(data, width, height);
      });
    });
  }

  /** How many threads decode. */
  get threads() {
    return this.#library.threads;
  }

  /** Ends the other threads, which would wait as long as the page lives; nothing decodes then. */
  close() {
    this.#library.close();
  }

  #opened(bytes, maxPixels, use) {
    const data = asBytes(bytes);
    const most = BigInt(Math.min(maxPixels, Number.MAX_SAFE_INTEGER));
    return this.#with([data, 4, ERROR_BYTES], (file, place, error) => {
      this.#check(this.#library.lic_open(file, data.length, most, place, error), error);
      const opened = this.#integer(place);
      try {
        return use(opened);
      } finally {
        this.#library.lic_close(opened);
      }
    });
  }

  #info(file) {
    return this.#with([INFO_BYTES], (place) => {
      this.#library.lic_get_info(file, place);
      const [width, height, channels, quality] = [0, 4, 8, 12].map((at) =>
        this.#integer(place + at),
      );
      const weightsId = this.#text(place + ID_PLACE, ID_BYTES);
      return { width, height, channels, quality: quality / 100, weightsId };
    });
  }

  // Calls a function with the places of parts of memory, which hold bytes or have a size.
  #with(parts, use) {
    const places = [];
    try {
      for (const part of parts) {
        const size = typeof part === "number" ? part : part.length;
        const place = size <= MAX_BYTES && this.#library.malloc(Math.max(size, 1));
        if (!place) throw new LicError(8, "there is not enough memory for the picture");
        places.push(place);
        if (typeof part !== "number") new Uint8Array(this.#library.memory.buffer).set(part, place);
      }
      return use(...places);
    } finally {
      places.forEach((place) => this.#library.free(place));
    }
  }

  #integer(place) {
    return new DataView(this.#library.memory.buffer).getUint32(place, true);
  }

  #text(place, size) {
    const bytes = new Uint8Array(this.#library.memory.buffer, place, size);
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  }

  #check(status, error) {
    if (status) throw new LicError(status, this.#text(error + 4, ERROR_BYTES - 4));
  }
}

// lic.wasm, without Emscripten's JavaScript.
async function single(wasm = new URL("lic.wasm", import.meta.url)) {
  const nothing = () => {};
  const { instance } = await WebAssembly.instantiate(await bytesOf(wasm), {
    env: { emscripten_notify_memory_growth: nothing },
    wasi_snapshot_preview1: { proc_exit: nothing },
  });
  const { exports } = instance;
  exports._initialize();
  return { ...exports, threads: 1, close: nothing };
}

// lic-threads.wasm, with the workers that Emscripten's JavaScript makes threads of.
async function threaded(threads) {
  const [{ default: start }, wasmBinary] = await Promise.all([
    import("./lic-threads.js"),
    bytesOf(new URL("lic-threads.wasm", import.meta.url)),
  ]);
  // A worker that fails is told by a message alone.
  const module = await new Promise((resolve, reject) => {
    start({ wasmBinary, helpers: threads - 1, printErr: reject }).then(resolve, reject);
  });
  const names = Object.keys(module).filter((name) => /^_(lic_|malloc|free)/.test(name));
  return {
    ...Object.fromEntries(names.map((name) => [name.slice(1), module[name]])),
    memory: module.wasmMemory,
    threads: module._lic_start_threads(threads - 1),
    close: () => module.PThread.terminateAllThreads(),
  };
}

function possibleThreads() {
  return globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MAX_THREADS) : 1;
}

function asBytes(data) {
  return data instanceof Uint8Array ? data : new Uint8Array(data);
}

async function bytesOf(source) {
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return asBytes(source);
  const response = await fetch(source);
  if (!response.ok) throw new Error(`${source} cannot be loaded: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
