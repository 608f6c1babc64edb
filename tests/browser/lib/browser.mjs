// A browser in which nothing may go wrong unnoticed.

import { readFileSync } from "node:fs";
import path from "node:path";

import AxeBuilder from "@axe-core/playwright";
import { chromium } from "playwright-core";

/** What the scripts are told, on standard input. */
export const input = JSON.parse(readFileSync(0, "utf8"));

const SCREENSHOTS = process.env.TEDIX_SCREENSHOTS;
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PATIENCE_MS = 30_000;
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };

/** Fails the script with one sentence. */
export function check(good, message) {
  if (!good) throw new Error(message);
}

/** Says that a step is done. */
export const done = (step) => console.log(`ok - ${step}`);

/**
 * Runs `scenario` with a page. Console errors, uncaught errors and violations
 * of the Content-Security-Policy fail it, except those that `expected` (a list
 * of regular expressions) names.
 */
export async function withPage(scenario, { expected = [] } = {}) {
  const browser = await chromium.launch({ executablePath: process.env.TEDIX_CHROMIUM, args: FLAGS });
  const wrong = [];
  const note = (text) => {
    if (!expected.some((pattern) => pattern.test(text))) wrong.push(text);
  };
  try {
    const context = await browser.newContext({ viewport: WIDE, reducedMotion: "reduce" });
    context.setDefaultTimeout(PATIENCE_MS);
    await context.exposeBinding("__violated", (_source, text) => note(text));
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        window.__violated(`Content-Security-Policy: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    context.on("console", (message) => {
      if (message.type() === "error") note(`console: ${message.text()} (${message.location().url})`);
    });
    context.on("weberror", (error) => note(`uncaught: ${error.error()}`));
    const page = await context.newPage();
    page.on("dialog", (dialog) => {
      // The app warns before an edit is left behind: whoever leaves, means it.
      if (dialog.type() === "beforeunload") {
        void dialog.accept();
        return;
      }
      note(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    try {
      await scenario(page, context);
    } catch (error) {
      await page.screenshot({ path: path.join(SCREENSHOTS, "failed.png"), fullPage: true }).catch(() => {});
      console.log(`at ${page.url()}`);
      console.log(await page.locator("body").ariaSnapshot().catch(() => "no page"));
      throw error;
    }
    check(wrong.length === 0, `the pages complained:\n${wrong.join("\n")}`);
  } finally {
    await browser.close();
  }
}

/** Signs in at the Access stand-in, beginning at an address that asks for it. */
export async function signIn(page, url) {
  await page.goto(url);
  await page.getByRole("link", { name: "Sign in" }).first().click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByRole("button", { name: input.operator }).click();
  await page.waitForURL((at) => at.origin === new URL(url).origin);
}

/** The network's own words for a refusal that the app is meant to get. */
export const refused = (status) =>
  new RegExp(`^console: Failed to load resource: the server responded with a status of ${status} `);

/** No serious or critical violation of the accessibility rules that axe knows. */
export async function accessible(page, what) {
  const found = await new AxeBuilder({ page }).analyze();
  const bad = found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
  const say = (one) => `${one.id}: ${one.help}\n  ${one.nodes.map((node) => node.html).join("\n  ")}`;
  check(bad.length === 0, `${what} is not accessible:\n${bad.map(say).join("\n")}`);
}

/** The landmarks of a page, as assistive technology sees them, are these lines in this order. */
export async function landmarks(page, wanted) {
  const snapshot = await page.locator("body").ariaSnapshot();
  let at = 0;
  for (const line of wanted) {
    const found = snapshot.indexOf(line, at);
    check(found >= 0, `${JSON.stringify(line)} is missing, or out of order, in\n${snapshot}`);
    at = found;
  }
}

/** Pictures of a page: light, dark and narrow. Nothing may stick out of a narrow screen. */
export async function pictures(page, name) {
  const shoot = (variant) =>
    page.screenshot({ path: path.join(SCREENSHOTS, `${name}-${variant}.png`), fullPage: true });
  await shoot("light");
  await page.emulateMedia({ colorScheme: "dark" });
  await shoot("dark");
  await accessible(page, `${name} in the dark`);
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(NARROW);
  await shoot("narrow");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  check(wide <= 0, `${name} is ${wide} px too wide for a narrow screen`);
  await page.setViewportSize(WIDE);
}
