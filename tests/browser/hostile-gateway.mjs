// A gateway says HTML wherever it can say anything: it is shown as text.

import { row } from "./lib/app.mjs";
import { check, done, input, pictures, signIn, withPage } from "./lib/browser.mjs";

/** No element that only the gateway's words could have made. */
async function harmless(page) {
  const injected = await page.evaluate(() => ({
    images: document.querySelectorAll('img[src="x"]').length,
    bold: [...document.querySelectorAll("b, i")].map((element) => element.outerHTML),
    title: document.title,
  }));
  check(injected.images === 0 && injected.bold.length === 0, `markup came alive: ${JSON.stringify(injected)}`);
  check(injected.title !== "owned", "a script of the gateway ran");
}

await withPage(
  async (page) => {
    await signIn(page, input.registry);
    await row(page, input.hostile).waitFor();
    await page.getByText("<b>bold</b>").first().waitFor();
    await harmless(page);
    done("the fleet shows it as text");
    const alarm = page.getByText("Audit alarm.", { exact: true });
    await alarm.waitFor();
    await row(page, input.hostile).getByText("Audit alarm", { exact: true }).waitFor();
    await pictures(page, "audit-alarm");
    done("and that its records went back");
    await row(page, input.hostile).getByRole("link", { name: input.hostile, exact: true }).click();
    await page.getByRole("heading", { level: 1, name: input.hostile }).waitFor();
    await page.getByText("<b>bold</b>").first().waitFor();
    await harmless(page);
    done("its own page shows it as text");
    await page.getByText("The audit of this gateway does not continue.").waitFor();
    await page.getByText("It had reported entry 6 (").waitFor();
    done("and what does not follow from what");
  },
  {
    // Its address is none of the fleet's, so the app may not even try to reach it.
    expected: [/^console: Failed to load resource/, /Content Security Policy/, /^Content-Security-Policy: connect-src http:\/\/localhost:1/],
  },
);
