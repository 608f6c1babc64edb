// Somebody saves another version between looking at a change and applying it:
// nothing is lost, neither theirs nor ours.

import { addChip, applied, chips, governance, openGateway, openSection } from "./lib/app.mjs";
import { accessible, check, done, input, pictures, refused, signIn, withPage } from "./lib/browser.mjs";

const before = await governance(input.company, "policy");

/** Saves a document over the newest version, as somebody else would. */
async function save(edit) {
  const newest = await governance(input.company, "policy");
  const document = structuredClone(newest.document);
  edit(document);
  return governance(input.company, "policy", {
    method: "PUT",
    headers: { "if-match": `"v${newest.version}"` },
    body: { document, note: "saved meanwhile" },
  });
}

await withPage(
  async (page) => {
    await signIn(page, input.registry);
    await openGateway(page, "company");
    await openSection(page, "Policy");
    await addChip(page, "Denied", "web_search");
    await page.getByRole("button", { name: "Review changes" }).click();
    await page.getByRole("heading", { name: `Changes to v${before.version}` }).waitFor();

    const theirs = await save((document) => document.tools.deny.push("web_fetch"));
    await page.getByRole("button", { name: "Apply", exact: true }).click();
    await page.getByRole("heading", { name: `v${theirs.version} was saved while you were editing v${before.version}` }).waitFor();
    const table = page.getByRole("table", { name: "Both edits side by side" });
    const shown = await table.innerText();
    check(shown.includes("web_search") && shown.includes("web_fetch"), `an edit is not shown: ${shown}`);
    await accessible(page, "Two edits side by side");
    await pictures(page, "conflict");
    done("both edits are shown side by side");

    const warning = page.waitForEvent("dialog");
    await page.reload();
    check((await warning).type() === "beforeunload", "the page does not warn before an edit is left behind");
    const kept = table.getByRole("row").filter({ hasText: "web_search" });
    await kept.waitFor();
    done("the edit survives a reload, and is compared at once");

    await page.getByRole("button", { name: `Rebase my edit onto v${theirs.version}` }).click();
    await chips(page, "Denied").filter({ hasText: "web_search" }).waitFor();
    const denied = (await chips(page, "Denied").allInnerTexts()).map((text) => text.trim());
    check(denied.includes("web_search") && denied.includes("web_fetch"), `after rebasing: ${denied}`);
    await page.getByRole("button", { name: "Review changes" }).click();
    await page.getByRole("heading", { name: `Changes to v${theirs.version}` }).waitFor();
    await page.getByRole("button", { name: "Apply", exact: true }).click();
    await applied(page, theirs.version + 1);
    const saved = await governance(input.company, "policy");
    for (const tool of ["web_search", "web_fetch"]) {
      check(saved.document.tools.deny.includes(tool), `${tool} is not in ${saved.document.tools.deny}`);
    }
    done("the rebased edit is applied, and theirs is kept");
  },
  { expected: [refused(401), refused(412)] },
).finally(() => save((document) => Object.assign(document, before.document)));
