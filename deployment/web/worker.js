// Decodes for a page, which goes on meanwhile. The first message has the URL of `weights`, the
// others the `bytes` of a file; all have an `id`, which the answer repeats.
import { Lic } from "./lic.js";

let loading;

addEventListener("message", async ({ data: { id, bytes, weights } }) => {
  try {
    loading ??= Lic.load(weights);
    const lic = await loading;
    if (!bytes) return postMessage({ id, threads: lic.threads });
    const start = performance.now();
    const picture = lic.decode(bytes);
    const time = performance.now() - start;
    postMessage({ id, picture, time }, [picture.data.buffer]);
  } catch (error) {
    postMessage({ id, message: error.message });
  }
});
