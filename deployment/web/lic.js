// Decodes lic files in a browser, or in any program that runs WebAssembly.
//
//     import { Lic } from "./lic.js";
//     const lic = await Lic.load("small-3.safetensors");
//     context.putImageData(lic.decode(bytes), 0, 0);
//
// lic.wasm, beside this file, is the library of lic.h; what is read from its memory is laid out as
// that header says, on a machine of 32 bits.

const ERROR_BYTES = 256;
const INFO_BYTES = 88;
const ID_PLACE = 20;
const ID_BYTES = 64;
const RGBA = 4;

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
  #exports;
  #weights = 0;

  /**
   * Loads a weights file, once for all pictures.
   *
   * @param weights a URL, or the file's bytes (ArrayBuffer or Uint8Array).
   * @param wasm the same of lic.wasm, if it is not beside this module.
   */
  static async load(weights, wasm = new URL("lic.wasm", import.meta.url)) {
    const [code, data] = await Promise.all([bytesOf(wasm), bytesOf(weights)]);
    const nothing = () => {};
    const { instance } = await WebAssembly.instantiate(code, {
      env: { emscripten_notify_memory_growth: nothing },
      wasi_snapshot_preview1: { proc_exit: nothing },
    });
    const lic = new Lic();
    lic.#exports = instance.exports;
    lic.#exports._initialize();
    lic.#weights = lic.#with([data, 4, ERROR_BYTES], (file, place, error) => {
      lic.#check(lic.#exports.lic_weights_open(file, data.length, place, error), error);
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
        const status = this.#exports.lic_decode(file, this.#weights, RGBA, 1, pixels, 0, error);
        this.#check(status, error);
        const data = new Uint8ClampedArray(this.#exports.memory.buffer, pixels, size).slice();
        return typeof ImageData === "undefined"
          ? { width, height, data }
          : new ImageData(data, width, height);
      });
    });
  }

  #opened(bytes, maxPixels, use) {
    const data = asBytes(bytes);
    const most = BigInt(Math.min(maxPixels, Number.MAX_SAFE_INTEGER));
    return this.#with([data, 4, ERROR_BYTES], (file, place, error) => {
      this.#check(this.#exports.lic_open(file, data.length, most, place, error), error);
      const opened = this.#integer(place);
      try {
        return use(opened);
      } finally {
        this.#exports.lic_close(opened);
      }
    });
  }

  #info(file) {
    return this.#with([INFO_BYTES], (place) => {
      this.#exports.lic_get_info(file, place);
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
        const place = this.#exports.malloc(Math.max(size, 1));
        if (!place) throw new LicError(8, "there is not enough memory for the picture");
        places.push(place);
        if (typeof part !== "number") new Uint8Array(this.#exports.memory.buffer).set(part, place);
      }
      return use(...places);
    } finally {
      places.forEach((place) => this.#exports.free(place));
    }
  }

  #integer(place) {
    return new DataView(this.#exports.memory.buffer).getUint32(place, true);
  }

  #text(place, size) {
    const bytes = new Uint8Array(this.#exports.memory.buffer, place, size);
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  }

  #check(status, error) {
    if (status) throw new LicError(status, this.#text(error + 4, ERROR_BYTES - 4));
  }
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
