// Fills a gateway's store with calls that it never made, for benchmarks.
//
//   node fill-calls.mjs FOLDER COUNT
//
// FOLDER is where Miniflare keeps Durable Objects; the Worker must not run.

import { readdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

const [folder, count] = process.argv.slice(2);
const HOUR_MS = 3_600_000;
const AGENTS = 200;

function stores() {
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith(".sqlite"))
    .map((file) => new DatabaseSync(path.join(folder, file)))
    .filter((db) => db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'live_calls'").get());
}

const [db, ...others] = stores();
if (!db || others.length > 0) throw new Error(`${folder} does not hold the store of one gateway`);
const now = Date.now();
db.exec("BEGIN");
const call = db.prepare(
  `INSERT INTO calls (id, started_at_ms, ended_at_ms, day, agent, session, provider, model,
     input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
     estimated, micro_usd, first_byte_ms, total_ms, outcome)
   VALUES (?, ?, ?, ?, ?, ?, 'openai', 'bench', 250, 0, 0, 25, 0, 0, 1, 5, 9, 'finished')`,
);
for (let n = 0; n < Number(count); n += 1) {
  // Over the last six days, oldest first: none is old enough to be removed for its age.
  const at = Math.floor(now - (1 - n / Number(count)) * 6 * 24 * HOUR_MS);
  const day = new Date(at).toISOString().slice(0, 10);
  call.run(`filled-${n}`, at, at + 9, day, `agent-${n % AGENTS}`, `session-${n % 1000}`);
}
const hour = db.prepare(
  `INSERT OR IGNORE INTO usage_hours VALUES (?, ?, ?, 'openai', 'bench', 5, 1250, 0, 0, 125, 0, 5, 0)`,
);
const account = db.prepare("INSERT OR IGNORE INTO accounts VALUES (?, ?, 1375, 5)");
for (let back = 1; back < 89 * 24; back += 1) {
  const text = new Date(now - back * HOUR_MS).toISOString();
  for (let n = 0; n < 10; n += 1) hour.run(text.slice(0, 13), text.slice(0, 10), `agent-${n}`);
  if (back < 61 * 24 && back % 24 === 0)
    for (let n = 0; n < AGENTS; n += 1) account.run(text.slice(0, 10), `agent-${n}`);
}
db.exec("COMMIT");
db.close();
