// The main job: sign in, see both gateways online, deny `exec` on company, see
// what changes, apply it, see it applied; then the command is refused on
// company and runs on personal.

import { addChip, applied, chips, COMMAND_RAN, online, openGateway, openSection, RUN_A_COMMAND, turn } from "./lib/app.mjs";
import { accessible, check, done, input, landmarks, pictures, refused, signIn, withPage } from "./lib/browser.mjs";

const SECTIONS = [
  "Usage",
  "All clauses",
  "Explain",
  "Tests",
  "Coverage",
  "Versions",
  "Effective",
  "Proposals",
  "Audit",
];

await withPage(
  async (page) => {
    await page.goto(input.registry);
    await page.getByRole("heading", { level: 1, name: "Govern your OpenClaw gateways" }).waitFor();
    await accessible(page, "The entrance");
    await landmarks(page, ["- banner", "- main", "- heading", "Sign in"]);
    await pictures(page, "entrance");
    await signIn(page, input.registry);
    done("signed in");

    await online(page, "personal");
    await online(page, "company");
    await landmarks(page, ["- banner", input.operator, "- main", "- search", '- table "Gateways"']);
    check(await page.getByText("Stand-in model").first().isVisible(), "the stand-in model is not named as one");
    await accessible(page, "The fleet");
    await pictures(page, "fleet");
    done("both gateways are online");

    await openGateway(page, "company");
    await page.getByText("Ready", { exact: true }).first().waitFor();
    await accessible(page, "A gateway's overview");
    await landmarks(page, ["- main", '- navigation "Breadcrumb"', '- heading "company" [level=1]', '- navigation "Sections"']);
    await pictures(page, "overview");

    await openSection(page, "Policy");
    const heading = page.getByRole("heading", { level: 2, name: /^Policy v\d+/ });
    const version = Number(/v(\d+)/.exec(await heading.innerText())[1]);
    check((await chips(page, "Denied").count()) === 0, "something is denied before anything was done");
    await addChip(page, "Denied", "exec");
    await accessible(page, "The policy form");
    await pictures(page, "policy");
    await page.getByRole("button", { name: "Review changes" }).click();
    await page.getByRole("heading", { name: `Changes to v${version}` }).waitFor();
    const change = page.getByRole("listitem").filter({ hasText: "No agent may use exec, whatever else allows it" });
    await change.waitFor();
    check(/tightens/i.test(await change.innerText()), "the change does not say that it tightens");
    await accessible(page, "The review of a change");
    await pictures(page, "review");
    done("the change is shown before it is made");

    await page.getByRole("button", { name: "Apply", exact: true }).click();
    await applied(page, version + 1);
    check((await chips(page, "Denied").allInnerTexts()).join() === "exec", "exec is not shown as denied");
    await accessible(page, "An applied policy");
    await pictures(page, "applied");
    done("applied, as OpenClaw itself confirms");

    for (const section of SECTIONS) {
      await openSection(page, section);
      for (const loading of await page.getByText("Loading").all()) await loading.waitFor({ state: "hidden" });
      await accessible(page, section);
      await pictures(page, section.toLowerCase().replace(" ", "-"));
    }
    done("every section of a gateway is accessible");
  },
  // Nobody is signed in when the app first asks who is there.
  { expected: [refused(401)] },
);

// OpenClaw's own app is its makers' business: what it logs does not count here.
await withPage(
  async (page) => {
    await signIn(page, input.registry);
    await page.getByRole("table", { name: "Gateways" }).waitFor();
    const onCompany = await turn(page, input.company, RUN_A_COMMAND);
    check(/not found/.test(onCompany) && !onCompany.includes(COMMAND_RAN), `not refused on company: ${onCompany}`);
    done("the command is refused on company");
    const onPersonal = await turn(page, input.personal, RUN_A_COMMAND);
    check(onPersonal.includes(COMMAND_RAN), `it did not run on personal: ${onPersonal}`);
    done("the command runs on personal");
  },
  { expected: [/./] },
);
