// What is spent and what may be spent: charts, budgets, an extension, single calls, files,
// and the switch that stops all models.

import { governance, online, openGateway, openSection, row, turn } from "./lib/app.mjs";
import { accessible, check, done, input, pictures, refused, signIn, withPage } from "./lib/browser.mjs";

await withPage(
  async (page) => {
    await signIn(page, input.registry);
    await online(page, "personal");
    await turn(page, input.personal, "/say for the chart");
  },
  // OpenClaw's own app is its makers' business.
  { expected: [/./] },
);

await withPage(
  async (page) => {
    await signIn(page, input.registry);
    await openGateway(page, "personal");
    await openSection(page, "Usage");
    await page.getByRole("meter", { name: /The whole gateway/ }).first().waitFor();
    const plot = page.getByRole("img", { name: /Tokens by day, in / });
    await plot.waitFor();
    const { time_zone } = await governance(input.personal, "budgets");
    check((await plot.getAttribute("aria-labelledby")) !== null, "the chart has no name");
    check(await page.getByText(`Tokens by day, in ${time_zone}`).isVisible(), `the chart does not say ${time_zone}`);
    const calls = page.getByRole("table", { name: "Latest calls" });
    await calls.getByText("Finished").first().waitFor();
    await page.getByText("The chart as a table").click();
    await page.getByRole("table", { name: "The chart as a table" }).waitFor();
    await accessible(page, "Usage");
    await pictures(page, "usage");
    done("usage is drawn, and is a table too");

    await page.getByRole("button", { name: "By hour" }).click();
    await page.getByRole("button", { name: "Calls", exact: true }).click();
    await page.getByRole("button", { name: "Session" }).click();
    await page.getByRole("img", { name: /Model calls by hour/ }).waitFor();
    await page.getByRole("table", { name: "By session" }).waitFor();
    const shared = page.url();
    check(/step=hour/.test(shared) && /metric=calls/.test(shared) && /split=session/.test(shared), `not shareable: ${shared}`);
    await page.goto(shared);
    await page.getByRole("img", { name: /Model calls by hour/ }).waitFor();
    await pictures(page, "usage-hours");
    done("what is drawn is in the address");

    const saving = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download calls as CSV" }).click();
    check((await saving).suggestedFilename() === "personal-calls.csv", "the calls are no file");
    done("calls are a file");

    await page.getByRole("button", { name: "Grant more" }).click();
    const dialog = page.getByRole("dialog", { name: "Grant more for a while" });
    await dialog.getByRole("button", { name: "Grant", exact: true }).click();
    await dialog.getByText("Grant some tokens, some dollars, or both.").waitFor();
    await dialog.getByLabel("Tokens more a day").fill("12 345");
    await dialog.getByLabel("Why (optional)").fill("shown in a test");
    await dialog.getByText(/would be free/).waitFor();
    await accessible(page, "Granting more");
    await pictures(page, "extension");
    await dialog.getByRole("button", { name: "Grant", exact: true }).click();
    await page.getByRole("table", { name: "Granted beyond the policy" }).getByText("shown in a test").waitFor();
    done("more is granted, after saying what it does");

    await page.getByRole("button", { name: "Stop models" }).click();
    const stop = page.getByRole("dialog", { name: "Stop all model calls?" });
    await stop.getByLabel("Why (optional)").fill("a fire drill");
    await accessible(page, "Stopping the models");
    await stop.getByRole("button", { name: "Stop all model calls" }).click();
    await page.getByText("All model calls are stopped.").first().waitFor();
    await page.getByText("a fire drill").first().waitFor();
    check((await governance(input.personal, "budgets")).stopped?.note === "a fire drill", "the models are not stopped");
    await pictures(page, "stopped");
    await page.goto(input.registry);
    await row(page, "personal").getByText("Models stopped").waitFor({ timeout: 60_000 });
    await pictures(page, "fleet-stopped");
    done("all models stop, and the fleet shows it");
    await openGateway(page, "personal");
    await page.getByRole("button", { name: "Let models be called again" }).click();
    await page.getByText("All model calls are stopped.").waitFor({ state: "hidden" });
    check(!(await governance(input.personal, "budgets")).stopped, "the models are still stopped");
    done("and are called again");
  },
  { expected: [refused(401)] },
).finally(() => governance(input.personal, "models/stop", { method: "DELETE" }));
