// Changes what a gateway remembers of its usage, while it does not run.
//
//   node past.mjs FOLDER over       what was used this hour was used in hours before, each model's in another
//   node past.mjs FOLDER untold     the registry's answers were never heard
//
// FOLDER is where Miniflare keeps Durable Objects.

import { readdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

const [folder, change] = process.argv.slice(2);
const stores = readdirSync(folder, { recursive: true })
  .filter((file) => file.endsWith(".sqlite"))
  .map((file) => new DatabaseSync(path.join(folder, file)))
  .filter((db) => db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'usage_hours'").get());
if (stores.length !== 1) throw new Error(`${folder} does not hold the store of one gateway`);
const [db] = stores;
if (change === "over") {
  const models = db.prepare("SELECT DISTINCT model FROM usage_hours ORDER BY model").all();
  const move = db.prepare(
    "UPDATE usage_hours SET hour = strftime('%Y-%m-%dT%H', hour || ':00:00', ?) WHERE model = ?",
  );
  models.forEach(({ model }, at) => move.run(`-${at + 1} hours`, model));
} else {
  db.exec("UPDATE records SET json = json_remove(json, '$.usage_through') WHERE name = 'membership'");
}
db.close();
