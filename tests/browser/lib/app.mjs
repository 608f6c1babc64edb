// The admin app, as its users find their way in it.

import { check, input } from "./browser.mjs";

/** The row of a gateway in the fleet. */
export const row = (page, name) =>
  page.getByRole("table", { name: "Gateways" }).getByRole("row").filter({ hasText: name });

/** Waits until the fleet shows a gateway as online. */
export const online = (page, name) => row(page, name).getByText("Online", { exact: true }).waitFor();

/** Opens a gateway's page from the fleet. */
export async function openGateway(page, name) {
  await page.goto(input.registry);
  await row(page, name).getByRole("link", { name, exact: true }).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
}

/** Opens a section of the gateway that is shown. */
export async function openSection(page, name) {
  const below = ["All clauses", "Explain", "Tests", "Coverage", "Versions", "Effective"].includes(name);
  await page.getByRole("navigation", { name: "Sections" }).getByRole("link", { name: below ? "Policy" : name }).click();
  if (below) await page.getByRole("navigation", { name: "Of the policy" }).getByRole("link", { name }).click();
  await page.getByRole("heading", { level: 2, name }).waitFor();
}

/** What is in a list of chips. */
export const chips = (page, label) => page.getByRole("list", { name: label, exact: true }).getByRole("listitem");

/** Adds an entry to a list of chips. */
export async function addChip(page, label, entry) {
  const field = page.getByRole("combobox", { name: label, exact: true });
  await field.fill(entry);
  await field.press("Enter");
  await chips(page, label).filter({ hasText: entry }).waitFor();
}

/** Waits until the page says that OpenClaw has the newest version; returns what it says. */
export async function applied(page, version) {
  const said = page.getByText(`v${version} applied`).first();
  await said.waitFor({ timeout: 90_000 });
  return said.innerText();
}

/** A governance call as the operator makes it from a script. */
export async function governance(gateway, path, { method = "GET", headers = {}, body, token = input.token } = {}) {
  const response = await fetch(`${gateway}/_gateway/v1/${path}`, {
    method,
    headers: {
      "cf-access-jwt-assertion": token,
      ...(body ? { "content-type": "application/json" } : {}),
      ...headers,
    },
    body: body && JSON.stringify(body),
  });
  check(response.ok, `${method} ${path} was answered ${response.status}: ${await response.clone().text()}`);
  return response.json();
}

/** One chat turn by a page of the gateway's own front door, with the browser's own sign-in. */
export async function turn(page, gateway, message) {
  await page.goto(`${gateway}/`);
  return page.evaluate(async (content) => {
    const response = await fetch("/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "openclaw", messages: [{ role: "user", content }] }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`a turn was answered ${response.status}: ${text}`);
    return JSON.parse(text).choices[0].message.content;
  }, message);
}

/** Makes the stand-in model call `exec`; a shell works out the sum if it is let. */
export const RUN_A_COMMAND = '/tool exec {"command":"echo ran-$((40 + 2))"}';
/** What it then prints. */
export const COMMAND_RAN = "ran-42";
