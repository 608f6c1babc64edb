// What another version of OpenClaw, and a clone, would lead to is said before anything happens.

import { governance, online, openGateway, openSection } from "./lib/app.mjs";
import { accessible, check, done, input, pictures, refused, signIn, withPage } from "./lib/browser.mjs";

await withPage(async (page) => {
  await signIn(page, input.registry);
  await online(page, "personal");
  await openGateway(page, "personal");
  await page.getByText("The image brings").waitFor();
  await accessible(page, "The overview");
  await pictures(page, "overview");
  await page.getByRole("button", { name: "Change version" }).focus();
  await page.keyboard.press("Enter");
  const change = page.getByRole("dialog", { name: "Change OpenClaw's version?" });
  const versions = change.getByLabel("Version");
  const other = (await versions.locator("option").allTextContents()).find((text) => /^[0-9.]+$/.test(text));
  check(other, "there is no other version to choose");
  await versions.selectOption(other);
  await change.getByText(`${input.openclaw_version} comes back by itself`).waitFor();
  await accessible(page, "Changing the version");
  await pictures(page, "version");
  await page.keyboard.press("Escape");
  await change.waitFor({ state: "hidden" });
  done("another version says first what becomes of it");

  await openSection(page, "Snapshots");
  await governance(input.personal, "snapshots", { method: "POST" });
  await page.getByRole("button", { name: /^Clone generation \d+ into another gateway$/ }).first().click();
  const clone = page.getByRole("dialog", { name: "Clone into another gateway" });
  const press = clone.getByRole("button", { name: "Clone it" });
  check((await press.getAttribute("aria-disabled")) === "true", "it can be cloned into nothing");
  await clone.getByLabel("Into which gateway").selectOption({ label: "company" });
  await clone.getByText(/jobs run in both gateways/).waitFor();
  await accessible(page, "Cloning");
  await pictures(page, "clone");
  await page.keyboard.press("Escape");
  await clone.waitFor({ state: "hidden" });
  done("so does a clone");
}, { expected: [refused(401)] });
