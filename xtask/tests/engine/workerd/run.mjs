// Runs worker.mjs in Miniflare against the engine: run.mjs <node_modules> <socket url> <image> <egress image> <direct port>
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [modules, socketPath, imageName, egressImage, directPort] = process.argv.slice(2);
const { Miniflare, convertV4MiniflareOptions } = createRequire(`${modules}/x.js`)("miniflare");
const contents = readFileSync(new URL("worker.mjs", import.meta.url), "utf8");

const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    logRequests: false,
    containerEngine: {
      localDocker: { socketPath, containerEgressInterceptorImage: egressImage },
    },
    workers: [
      {
        name: "boxes",
        compatibilityDate: "2026-11-01",
        modules: [{ type: "ESModule", path: "worker.mjs", contents }],
        bindings: { DIRECT_PORT: directPort },
        durableObjects: { BOX: { className: "Box", useSQLite: true, container: { imageName } } },
        serviceBindings: { SELF: { name: "boxes", props: { door: "container" } } },
      },
    ],
  }),
);
console.log(String(await miniflare.ready));
// The test closes our standard input to end us.
process.stdin.resume().on("end", async () => {
  await miniflare.dispose();
  process.exit(0);
});
