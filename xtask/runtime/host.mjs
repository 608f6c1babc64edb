// Runs one Worker in Miniflare, from its wrangler.toml and a finished build.
//
//   node host.mjs SPEC.json
//
// SPEC is described by `HostSpec` in xtask/src/dev/host/spec.rs. The first line
// of standard input is a JSON object with the secrets, which so touch no disk.
// Standard output carries JSON lines: {"ready":true,"url":…} once, or
// {"error":…}. Everything the Worker logs goes to standard error.
//
// Ends when standard input is closed, so that nothing outlives the process that
// started it, however that one ended; and on SIGTERM.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire, enableCompileCache } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";

// A checkout's .env is for other programs; what a Worker gets is in the spec.
process.env.CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV = "false";
process.env.WRANGLER_LOG ??= "warn";
process.env.WRANGLER_SEND_METRICS = "false";
process.env.WRANGLER_HIDE_BANNER = "true";

const MODULE_TYPES = { ".js": "ESModule", ".mjs": "ESModule", ".wasm": "CompiledWasm" };
const DISPOSE_LIMIT_MS = 8_000;
// The browser runs on this machine, whose own services are none of an agent's business.
const CLOSED_HOSTS = [
  "*localhost*", "0.0.0.0", "127.*", "10.*", "169.254.*", "192.168.*",
  ...Array.from({ length: 16 }, (_, n) => `172.${16 + n}.*`), "*:*",
];
// Its files neither: it sees the system's programs, and nothing of anybody's.
const HIDE = `
set -e
for folder in /*; do
  case "$folder" in
    /bin|/dev|/etc|/lib*|/opt|/proc|/sbin|/sys|/usr) ;;
    *) [ -L "$folder" ] || [ ! -d "$folder" ] || mount -t tmpfs -o mode=1777 none "$folder" ;;
  esac
done
mkdir /tmp/home
export HOME=/tmp/home
exec "$@" --user-data-dir=/tmp/profile
`;

let miniflare;
let ending;

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const log = (level, text) =>
  process.stderr.write(`${new Date().toISOString()} ${level} ${text}\n`);

/** Stops workerd and leaves; a second call changes nothing. */
function end(code) {
  ending ??= (async () => {
    setTimeout(() => process.exit(code), DISPOSE_LIMIT_MS).unref();
    await miniflare?.dispose().catch((error) => log("warn", `dispose: ${error}`));
    process.exit(code);
  })();
}

function fail(error) {
  const cause = error?.cause instanceof Error ? `: ${error.cause.message}` : "";
  log("error", error?.stack ?? String(error));
  say({ error: `${error?.message ?? error}${cause}` });
  end(1);
}

process.on("SIGTERM", () => end(0));
process.on("SIGINT", () => {}); // Ctrl-C reaches the whole group; xtask decides the order.
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);

/** The first line of standard input; the end of the stream ends this process. */
function readSecrets() {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: process.stdin, terminal: false });
    lines.once("line", (line) => {
      try {
        resolve(JSON.parse(line));
      } catch {
        reject(new Error("the first line of standard input is not JSON"));
      }
    });
    lines.once("close", () => end(0));
  });
}

/** Whether a value comes back from JSON as it was, but for absent properties. */
function isPlain(value) {
  if (typeof value !== "object" || value === null) {
    return value === null || ["string", "number", "boolean", "undefined"].includes(typeof value);
  }
  const made = [Array.prototype, Object.prototype, null].includes(Object.getPrototypeOf(value));
  return made && Object.values(value).every(isPlain);
}

/**
 * What wrangler makes of a wrangler.toml: name, variables, databases, and the
 * options of the Worker for Miniflare. Kept where the spec names a cache folder,
 * because loading wrangler takes half of the time that a start takes.
 */
function resolveConfig(spec, require) {
  const hash = createHash("sha256").update(JSON.stringify([spec.config, spec.env, spec.assets_dir]));
  const inputs = [require.resolve("wrangler/package.json"), spec.config];
  for (const name of spec.assets_dir ? ["_headers", "_redirects"] : []) {
    const file = path.join(spec.assets_dir, name);
    if (existsSync(file)) inputs.push(file);
  }
  for (const file of inputs) hash.update(file).update(readFileSync(file));
  const key = hash.digest("hex");
  const cache = spec.cache_dir && path.join(spec.cache_dir, `${spec.name}.json`);
  if (cache && existsSync(cache)) {
    try {
      const kept = JSON.parse(readFileSync(cache, "utf8"));
      if (kept.key === key) return kept.resolved;
    } catch (error) {
      log("warn", `${cache}: ${error.message}`);
    }
  }
  const wrangler = require("wrangler");
  const env = spec.env ?? undefined;
  const config = wrangler.unstable_readConfig({ config: spec.config, env });
  const { workerOptions } = wrangler.unstable_getMiniflareWorkerOptions(config, env, {
    overrides: { assets: { directory: spec.assets_dir }, enableContainers: false },
  });
  // The rules are for wrangler's own bundling, and its bindings have .dev.vars in them.
  const { modulesRules: _rules, bindings: _bindings, ...options } = workerOptions;
  const { name, vars, d1_databases: databases } = config;
  const resolved = { name, vars, databases, options };
  if (cache && isPlain(resolved)) {
    writeFileSync(cache, JSON.stringify({ key, resolved }));
  }
  return resolved;
}

/** The modules of a build, entry first: its files and the snippets of its crates. */
function modules(buildDir, main) {
  const entry = path.resolve(buildDir, main);
  const snippets = path.join(buildDir, "snippets");
  const found = [
    ...readdirSync(buildDir, { withFileTypes: true }),
    ...(existsSync(snippets) ? readdirSync(snippets, { recursive: true, withFileTypes: true }) : []),
  ]
    .filter((item) => item.isFile())
    .map((item) => path.join(item.parentPath, item.name))
    .filter((file) => file !== entry && MODULE_TYPES[path.extname(file)])
    .sort();
  return [entry, ...found].map((file) => ({ type: MODULE_TYPES[path.extname(file)], path: file }));
}

/**
 * Makes Miniflare answer the browser binding with a Chromium that is installed. It looks
 * for one version in a cache folder and downloads what it does not find there, so a
 * folder of ours holds a script in that place, which starts the installed one.
 */
function offerBrowser(spec, require) {
  const source = readFileSync(require.resolve("miniflare"), "utf8");
  const version = source.match(/BROWSER_VERSION = "([0-9.]+)"/)?.[1];
  if (!version) throw new Error("this Miniflare does not say which browser it looks for");
  const platform = process.arch === "arm64" ? "linux_arm" : "linux";
  process.env.XDG_CACHE_HOME = path.join(spec.tmp_dir, "browser");
  const folder = path.join(process.env.XDG_CACHE_HOME, ".wrangler/chrome", `${platform}-${version}`);
  const root = process.getuid() === 0;
  const namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"];
  const rules = CLOSED_HOSTS.map((host) => `MAP ${host} ~NOTFOUND`).join(", ");
  const words = [
    ...["unshare", ...(root ? [] : ["--user", "--map-root-user"]), ...namespaces],
    ...["sh", "-c", HIDE, "sh", ...(root ? ["setpriv", ...nobody] : [])],
    // Chromium's own sandbox would need namespaces inside these.
    ...[spec.browser, "--no-sandbox", `--host-resolver-rules=${rules}`],
  ];
  const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const program = path.join(folder, "chrome-linux64/chrome");
  mkdirSync(path.dirname(program), { recursive: true });
  writeFileSync(program, `#!/bin/sh\nexec ${quoted.join(" ")} "$@"\n`, { mode: 0o755 });
}

/** Puts the spec's values over what wrangler.toml says. */
function workerOptions({ name: configured, vars, options }, spec, secrets) {
  const name = spec.name;
  options.name = name;
  options.rootPath = spec.build_dir;
  options.modulesRoot = spec.build_dir;
  options.modules = modules(spec.build_dir, spec.main);
  options.bindings = { ...vars, ...spec.vars, ...secrets };
  // Several gateways come from one wrangler.toml: each is bound to itself.
  for (const [binding, service] of Object.entries(options.serviceBindings ?? {})) {
    if (service?.name === configured || service === configured) {
      const target = typeof service === "string" ? {} : service;
      options.serviceBindings[binding] = { ...target, name };
    }
  }
  if (!spec.browser) delete options.browserRendering;
  if (spec.direct_port) {
    options.unsafeDirectSockets = [{ host: "127.0.0.1", port: spec.direct_port }];
  }
  if (spec.assets_dir) {
    if (!options.assets) throw new Error(`${spec.config} declares no [assets]`);
    options.assets = { ...options.assets, directory: spec.assets_dir };
  }
  if (spec.container) {
    const object = options.durableObjects?.[spec.container.binding];
    if (!object) throw new Error(`${spec.config} has no Durable Object ${spec.container.binding}`);
    options.durableObjects[spec.container.binding] = {
      ...(typeof object === "string" ? { className: object } : object),
      container: { imageName: spec.container.image },
    };
  }
  return options;
}

/**
 * Applies what is missing of a database's migrations, each in one transaction
 * with its record, in the table and the form that wrangler uses.
 */
async function migrate(database, folder, table, splitSqlQuery) {
  const quoted = `"${table.replaceAll('"', '""')}"`;
  await database
    .prepare(
      `CREATE TABLE IF NOT EXISTS ${quoted}(
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT UNIQUE,
        applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`,
    )
    .run();
  const { results } = await database.prepare(`SELECT name FROM ${quoted}`).all();
  const applied = new Set(results.map((row) => row.name));
  const files = readdirSync(folder).filter((file) => file.endsWith(".sql"));
  files.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1));
  for (const file of files.filter((file) => !applied.has(file))) {
    const statements = splitSqlQuery(readFileSync(path.join(folder, file), "utf8"));
    const record = database.prepare(`INSERT INTO ${quoted} (name) VALUES (?)`).bind(file);
    try {
      await database.batch([...statements.map((sql) => database.prepare(sql)), record]);
    } catch (error) {
      throw new Error(`migration ${file} failed`, { cause: error });
    }
    log("info", `applied migration ${file}`);
  }
}

async function main() {
  const secretsLine = readSecrets();
  const spec = JSON.parse(readFileSync(process.argv[2], "utf8"));
  if (spec.cache_dir) enableCompileCache(path.join(spec.cache_dir, "node"));
  // From the checkout's root, wherever this file lies.
  const require = createRequire(path.join(spec.packages_dir, "package.json"));
  const { Log, LogLevel, Miniflare, convertV4MiniflareOptions } = require("miniflare");

  class StderrLog extends Log {
    log(message) {
      process.stderr.write(`${message}\n`);
    }
  }

  if (spec.browser) offerBrowser(spec, require);
  const config = resolveConfig(spec, require);
  const beside = (spec.beside ?? []).map((other) =>
    workerOptions(resolveConfig(other, require), other, {}),
  );
  const secrets = await secretsLine;
  if (ending) return;
  const options = workerOptions(config, spec, secrets);
  miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: spec.port,
      cf: false,
      log: new StderrLog(LogLevel.WARN),
      logRequests: false,
      handleStructuredLogs: ({ level, message }) => log(level, message),
      resourcePersistencePath: spec.persist_dir,
      resourceTmpPath: spec.tmp_dir,
      containerEngine: spec.container && {
        localDocker: {
          socketPath: spec.container.engine,
          containerEgressInterceptorImage: spec.container.egress_image,
        },
      },
      workers: [options, ...beside],
    }),
  );
  const url = await miniflare.ready;
  for (const database of config.databases) {
    const folder = path.resolve(
      path.dirname(spec.config),
      database.migrations_dir ?? "migrations",
    );
    if (!existsSync(folder)) continue;
    await migrate(
      await miniflare.getD1Database(database.binding, spec.name),
      folder,
      database.migrations_table ?? "d1_migrations",
      (sql) => require("wrangler").unstable_splitSqlQuery(sql),
    );
  }
  say({ ready: true, url: url.origin });
}

main().catch(fail);
