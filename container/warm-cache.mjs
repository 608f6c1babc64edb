// Starts OpenClaw once and stops it again, so that Node writes the code it compiled
// into NODE_COMPILE_CACHE. Run while the image is built: node warm-cache.mjs SCRIPT
import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PORT = 18789;
const PATIENCE_MS = 300_000;
const POLL_MS = 500;

const state = mkdtempSync(join(tmpdir(), "warm-"));
const config = join(state, "openclaw.json");
writeFileSync(
  config,
  JSON.stringify({
    gateway: { mode: "local", port: PORT, bind: "loopback", auth: { mode: "none" } },
    plugins: {
      allow: ["admin-http-rpc", "anthropic", "memory-core", "openai"],
      entries: { "admin-http-rpc": { enabled: true } },
    },
    discovery: { mdns: { mode: "off" } },
    telemetry: { enabled: false },
    update: { auto: { enabled: false }, checkOnStart: false },
    models: { catalogRefresh: { enabled: false } },
  }),
);

const openclaw = spawn(process.execPath, [process.argv[2], "gateway"], {
  stdio: "inherit",
  env: {
    ...process.env,
    DO_NOT_TRACK: "1",
    OPENCLAW_CONFIG_PATH: config,
    OPENCLAW_CONFIG_READONLY: "1",
    OPENCLAW_DISABLE_BONJOUR: "1",
    OPENCLAW_NO_AUTO_UPDATE: "1",
    OPENCLAW_PACKAGED_COMPILE_CACHE_RESPAWNED: "1",
    OPENCLAW_STATE_DIR: state,
  },
});
const ended = new Promise((resolve) => openclaw.once("exit", resolve));

const deadline = Date.now() + PATIENCE_MS;
const isReady = () => fetch(`http://127.0.0.1:${PORT}/readyz`).then((answer) => answer.ok, () => false);
let ready = false;
while (!ready && openclaw.exitCode === null && Date.now() < deadline) {
  await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  ready = await isReady();
}
openclaw.kill("SIGTERM");
await ended;
if (!ready) {
  console.error("OpenClaw did not become ready, so there is nothing in the cache.");
  process.exit(1);
}
