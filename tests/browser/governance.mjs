// The policy beyond its form: asked, covered by proofs, tested, edited whole, proposed to,
// gone back on; and the record of it all.

import { applied, governance, openGateway, openSection } from "./lib/app.mjs";
import { accessible, check, done, input, pictures, refused, signIn, withPage } from "./lib/browser.mjs";

const before = await governance(input.company, "policy");
const newest = () => governance(input.company, "policy");

/** Puts the policy back as it was. */
async function restore() {
  const { version, hash } = await newest();
  if (hash === before.hash) return;
  await governance(input.company, `policy/versions/${before.version}/restore`, {
    method: "POST",
    headers: { "if-match": `"v${version}"` },
    body: {},
  });
}

await withPage(
  async (page) => {
    await signIn(page, input.registry);
    await openGateway(page, "company");
    const home = page.url();

    // A question in the address is asked at once.
    await page.goto(`${home}/explain?agent=main&tool=gateway`);
    await page.getByRole("heading", { level: 3, name: /^(Yes|No|Only when)/ }).waitFor();
    await page.getByRole("table", { name: "Layers passed" }).getByText("Decides").first().waitFor();
    await accessible(page, "An explanation");
    await pictures(page, "explain");
    await page.getByLabel("Tool", { exact: true }).fill("no such tool");
    await page.getByRole("button", { name: "Explain", exact: true }).click();
    await page.getByText(/^must be /).first().waitFor();
    await page.getByLabel("Tool", { exact: true }).fill("session_status");
    await page.getByRole("button", { name: "Explain", exact: true }).click();
    await page.getByText("May agent main use session_status").first().waitFor();
    check(/tool=session_status/.test(page.url()), `the question is not in the address: ${page.url()}`);
    done("a question is answered, and can be shared");

    await openSection(page, "Coverage");
    const clauses = page.getByRole("table", { name: "Clauses and what enforces them" });
    await clauses.waitFor();
    await accessible(page, "Coverage");
    await pictures(page, "coverage");
    await page.getByRole("button", { name: "Proven", exact: true }).click();
    await clauses.getByText("/access/operators").first().waitFor();
    check((await clauses.getByText("Declared only").count()) === 0, "the filter lets through what is not proven");
    check(/show=proven/.test(page.url()), "the filter is not in the address");
    done("coverage tells what is proven");

    // The whole document: a fault shows at its line, then an edit with a test that breaks.
    await openSection(page, "All clauses");
    const text = page.getByRole("textbox", { name: "Policy as JSON" });
    const document = structuredClone((await newest()).document);
    document.tools.deny = ["no such tool"];
    await text.fill(JSON.stringify(document, null, 2));
    await page.getByRole("button", { name: /^Line \d+$/ }).first().click();
    await page.getByRole("complementary", { name: "The clause at the cursor" }).getByText("/tools/deny").first().waitFor();
    await accessible(page, "A document with a fault");
    await pictures(page, "document");
    await page.reload();
    await page.getByRole("button", { name: /^Line \d+$/ }).first().waitFor();
    done("a fault is shown at its line, and a reload keeps it");

    document.tools.deny = ["web_search"];
    document.budgets.time_zone = "Europe/Berlin";
    document.access.operators.push({ email: input.second, role: "operator" });
    document.tests = [
      { name: "Nobody searches", tool: "web_search", expect: "deny" },
      { name: "Sessions have a status", tool: "session_status", expect: "deny" },
    ];
    await text.fill(JSON.stringify(document, null, 2));
    await page.getByRole("button", { name: "Review changes" }).click();
    await page.getByText("This breaks 1 of the policy's own tests.").waitFor();
    await accessible(page, "An edit that breaks a test");
    await pictures(page, "forced");
    await page.getByLabel("Reason to save it all the same").fill("shown in a test");
    await page.getByRole("button", { name: "Apply all the same" }).click();
    await applied(page, before.version + 1);
    done("an edit that breaks a test is saved with a reason");

    await openSection(page, "Tests");
    const tests = page.getByRole("table", { name: "Tests of the policy" });
    await tests.getByText("Broken").waitFor();
    await tests.getByText("Holds").waitFor();
    await accessible(page, "Tests");
    await pictures(page, "tests");
    done("the policy's tests show what holds");

    // A proposal after which a test is broken would be refused at once.
    document.tests.pop();
    const broken = await newest();
    await governance(input.company, "policy", {
      method: "PUT",
      headers: { "if-match": `"v${broken.version}"` },
      body: { document, note: "the test is mended" },
    });
    const proposal = await governance(input.company, "proposals", {
      method: "POST",
      token: input.second_token,
      body: { kind: "config_key", target: "/tools/deny", content: ["web_search", "web_fetch"], reason: "Nothing here needs the web" },
    });
    await openSection(page, "Proposals");
    await page.getByRole("table", { name: "Proposals" }).getByRole("link", { name: proposal.id }).waitFor();
    await accessible(page, "Proposals");
    await pictures(page, "proposals");
    await page.getByRole("link", { name: proposal.id }).click();
    await page.getByText("No agent may use web_fetch").first().waitFor();
    await accessible(page, "A proposal");
    await pictures(page, "proposal");
    // Somebody else is quicker.
    await governance(input.company, `proposals/${proposal.id}/approve`, { method: "POST", body: {} });
    const approve = page.getByRole("button", { name: "Approve", exact: true });
    if (await approve.isVisible()) await approve.click({ timeout: 2_000 }).catch(() => {});
    await page.getByText("Approved").first().waitFor();
    const saved = await newest();
    check(saved.document.tools.deny.includes("web_fetch"), "the proposal is not in the policy");
    done("a proposal is shown with what it changes, and decided once");

    await openSection(page, "Versions");
    await page.getByRole("link", { name: `v${before.version}`, exact: true }).click();
    await page.getByRole("heading", { level: 4, name: `Going back to it would change v${saved.version}` }).waitFor();
    await accessible(page, "A version");
    await pictures(page, "version");
    await page.getByRole("button", { name: `Restore v${before.version} as v${saved.version + 1}` }).click();
    await page.locator("#main").getByText(`it says what v${before.version} said`).waitFor();
    check((await newest()).hash === before.hash, "the version is not restored");
    done("a version is compared and restored");

    await openSection(page, "Audit");
    await page.getByRole("button", { name: "Verify the chain" }).click();
    await page.getByText(/The chain is whole/).waitFor();
    await page.getByLabel("About").selectOption("policy");
    await page.getByRole("table", { name: "Audit" }).getByText("policy.forced").first().waitFor();
    check((await page.getByRole("table", { name: "Audit" }).getByText("sandbox.").count()) === 0, "the filter lets other areas through");
    await accessible(page, "Audit");
    await pictures(page, "audit");
    const saving = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export the audit as JSON lines" }).click();
    check((await saving).suggestedFilename() === "company-audit.jsonl", "the audit is no file");
    done("the audit is narrowed, verified and exported");
  },
  { expected: [refused(401), refused(409)] },
).finally(restore);
