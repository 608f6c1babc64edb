// Runs inside a container: opens a page in the browser at browser.internal with Playwright,
// as OpenClaw does, and leaves what it saw in /data/browser.json. It tries until it may.

import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import playwright from "playwright-core";

const headers = {
  authorization: `Basic ${Buffer.from(`any:${process.env.TEDIX_MODEL_KEY}`).toString("base64")}`,
};

async function title() {
  const found = await fetch("http://browser.internal/json/version", { headers });
  if (!found.ok) return undefined;
  const { webSocketDebuggerUrl } = await found.json();
  const browser = await playwright.chromium.connectOverCDP(webSocketDebuggerUrl, { headers });
  try {
    const page = await browser.contexts()[0].newPage();
    await page.goto("data:text/html,<title>from the container</title>");
    return await page.title();
  } finally {
    // Lets go of it; it stays open for others.
    await browser.close();
  }
}

for (;;) {
  try {
    const seen = await title();
    if (seen) {
      writeFileSync("/data/browser.json", `${JSON.stringify({ title: seen })}\n`);
      break;
    }
  } catch (error) {
    writeFileSync("/data/browser-error.txt", `${error.stack}\n`);
  }
  await sleep(500);
}
setInterval(() => {}, 60_000);
