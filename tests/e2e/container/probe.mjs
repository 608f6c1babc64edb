// Tries, from inside the container, what an agent must not be able to do, and
// prints what happened between PROBE: and :EBORP.

import { readFileSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";

const addresses = __ADDRESSES__;
const key = process.env.TEDIX_MODEL_KEY ?? "";
const config = "/etc/openclaw/openclaw.json";

/** The error code of an action that fails, or "worked". */
const outcome = (action) => {
  try {
    action();
    return "worked";
  } catch (error) {
    return error.code ?? String(error);
  }
};

/** Status and the beginning of the body, or why there is none. */
const ask = async (url, options = {}) => {
  try {
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(4000), ...options });
    return { status: response.status, body: (await response.text()).slice(0, 120) };
  } catch (error) {
    return { status: null, error: error.cause?.code ?? error.name };
  }
};

const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });
const chat = (headers) => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify({ model: "stand-in", messages: [{ role: "user", content: "/say hello" }] }),
});
const folders = {};
for (const path of ["/", "/root", "/home", "/tmp", "/data"]) {
  try {
    folders[path] = readdirSync(path).slice(0, 20);
  } catch (error) {
    folders[path] = error.code;
  }
}

const governance = "http://governance.internal/v1";
const state = "http://state.internal/v1";
const models = "http://models.internal";
const report = {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ kind: "step", step: "confirming" }),
};
const seen = {
  uid: process.getuid(),
  init_environment: outcome(() => readFileSync("/proc/1/environ")),
  write_config: outcome(() => writeFileSync(config, "{}")),
  replace_config: outcome(() => {
    renameSync(config, `${config}.old`);
  }),
  signal_init: outcome(() => process.kill(1, "SIGHUP")),
  config_without: await ask(`${governance}/config`),
  config_with_model_key: await ask(`${governance}/config`, bearer(key)),
  config_with_guess: await ask(`${governance}/config`, bearer("tic_guess")),
  report_without: await ask(`${governance}/reports`, report),
  state_without: await ask(`${state}/generations`),
  state_with_model_key: await ask(`${state}/generations`, bearer(key)),
  lease_with_model_key: await ask(`${state}/lease`, {
    ...report,
    headers: { ...report.headers, ...bearer(key).headers },
    body: JSON.stringify({ instance: "probe" }),
  }),
  models_without_key: await ask(`${models}/openai/v1/chat/completions`, chat({})),
  models_with_key: await ask(`${models}/openai/v1/chat/completions`, chat(bearer(key).headers)),
  models_elsewhere: await ask(`${models}/openai/v1/../../__stand-in/requests`, bearer(key)),
  internet: await ask("http://1.1.1.1/"),
  internet_by_name: await ask("http://example.com/"),
  metadata: await ask("http://169.254.169.254/latest/meta-data/"),
  registry: await ask(`${addresses.registry}/api/v1/me`),
  issuer: await ask(`${addresses.issuer}/cdn-cgi/access/certs`),
  model_server: await ask(`${addresses.model_server}/v1/models`),
  self_by_ip: await ask("http://127.0.0.1/_gateway/v1/status"),
  folders,
  checkout: outcome(() => statSync(addresses.checkout)) === "worked" ? "there" : "not there",
};
console.log(`PROBE:${JSON.stringify(seen)}:EBORP`);
