// After a restart of everything the policy is still there, and still holds.

import { chips, COMMAND_RAN, online, openGateway, openSection, RUN_A_COMMAND, turn } from "./lib/app.mjs";
import { check, done, input, refused, signIn, withPage } from "./lib/browser.mjs";

await withPage(
  async (page) => {
    await signIn(page, input.registry);
    await online(page, "personal");
    await online(page, "company");
    done("both gateways are online again");
    await openGateway(page, "company");
    await openSection(page, "Policy");
    await chips(page, "Denied").filter({ hasText: "exec" }).waitFor();
    done("the deny is still in the policy");
  },
  { expected: [refused(401)] },
);

await withPage(
  async (page) => {
    await signIn(page, input.registry);
    await page.getByRole("table", { name: "Gateways" }).waitFor();
    const onCompany = await turn(page, input.company, RUN_A_COMMAND);
    check(/not found/.test(onCompany) && !onCompany.includes(COMMAND_RAN), `not refused on company: ${onCompany}`);
    const onPersonal = await turn(page, input.personal, RUN_A_COMMAND);
    check(onPersonal.includes(COMMAND_RAN), `it did not run on personal: ${onPersonal}`);
    done("the command is refused on company and runs on personal");
  },
  { expected: [/./] },
);
