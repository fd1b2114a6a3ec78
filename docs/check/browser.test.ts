// The built site in a real Chromium, on this machine alone: pages, the search, narrow screens, and what axe finds. Run
// `npm run docs` first. SCREENSHOTS=FOLDER keeps a picture of each page.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import type { Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";
import { checkLinks } from "./links.ts";
import { serve } from "./site.ts";

/** Where the screenshots go, if they are wanted. */
const SCREENSHOTS = process.env["SCREENSHOTS"];
const WIDTHS = [1280, 390];
const PAGES = {
  home: "/",
  guide: "/getting-started.html",
  options: "/options.html",
  errors: "/errors.html",
  session: "/session.html",
  examples: "/examples.html",
  provider: "/providers/gmail.html",
  class: "/api/popwright/classes/Pop3Client.html",
  interface: "/api/popwright/fetch/interfaces/FetchPolicy.html",
};
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let server: Server;
let browser: Browser;
let site: string;

before(async () => {
  server = await serve();
  site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-sync",
    ],
  });
});

after(async () => {
  await browser.close();
  server.close();
  server.closeAllConnections();
});

interface Opened {
  readonly page: Page;
  /** What the page has logged as an error, and what it has asked other machines for. */
  readonly complaints: readonly string[];
}

async function open(path: string, width: number): Promise<Opened> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, reducedMotion: "reduce" });
  // The machine may be busy.
  page.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => complaints.push(`failed: ${request.url()}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(site)) complaints.push(`asks ${request.url()}`);
  });
  await page.goto(site + path, { waitUntil: "networkidle" });
  return { page, complaints };
}

async function picture(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

void test("every link leads to a page and an anchor that exist", () => {
  const { links, problems } = checkLinks();
  assert.ok(links > 10_000, `only ${links} links`);
  assert.deepEqual(problems, []);
});

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** Serious violations of the rules of accessibility. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = await page.evaluate<readonly Violation[]>("axe.run().then(({ violations }) => violations)");
  return found
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .map(({ html }) => html.slice(0, 200))
          .slice(0, 5)
          .join(" | ")}`,
    );
}

for (const [name, path] of Object.entries(PAGES))
  for (const width of WIDTHS)
    void test(`${name} at ${width} pixels: no error, no other host, no overflow, accessible`, async () => {
      const { page, complaints } = await open(path, width);
      const [content, view] = await page.evaluate<[number, number]>(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]",
      );
      await picture(page, `${name}-${width}`);
      assert.ok(content <= view, `the page is ${content} pixels wide, the window ${view}`);
      assert.deepEqual(await violations(page), []);
      assert.deepEqual(complaints, []);
      await page.close();
    });

for (const width of WIDTHS)
  void test(`the search finds "channel binding" at ${width} pixels`, async () => {
    const { page, complaints } = await open("/", width);
    await page.click("#local-search button");
    await page.fill("#localsearch-input", "channel binding");
    const first = page.locator("#localsearch-list .result").first();
    await first.waitFor();
    await picture(page, `search-${width}`);
    assert.match(
      (await first.getAttribute("href")) ?? "",
      /\/authentication\.html#scram-and-channel-binding$/,
    );
    await first.click();
    await page.waitForURL(/\/authentication\.html#scram-and-channel-binding$/);
    assert.match(await page.locator("#scram-and-channel-binding").innerText(), /SCRAM and channel binding/);
    assert.deepEqual(complaints, []);
    await page.close();
  });

void test("a table of options is a list on a narrow screen, with nothing cut off", async () => {
  const { page } = await open("/options.html#timeouts", 390);
  const cut = await page.evaluate<string[]>(`[...document.querySelectorAll(".vp-doc td")]
    .filter((cell) => cell.getBoundingClientRect().right > document.documentElement.clientWidth)
    .map((cell) => cell.textContent)`);
  assert.deepEqual(cut, []);
  await picture(page, "option-table-390");
  await page.close();
});

void test("the tabs of the first program show one language each", async () => {
  const { page } = await open("/getting-started.html", 1280);
  const group = page.locator(".vp-code-group").first();
  assert.match(await group.locator(".active").innerText(), /import \{ Pop3Client \}/);
  await group.getByText("JavaScript, CommonJS").click();
  assert.match(await group.locator(".active").innerText(), /require\("popwright"\)/);
  await page.close();
});

void test("each code of the errors page has an anchor", async () => {
  const { page } = await open("/errors.html#pop3_commit_unknown", 1280);
  assert.equal(await page.locator("#pop3_commit_unknown code").innerText(), "POP3_COMMIT_UNKNOWN");
  const without = await page.evaluate<string[]>(`[...document.querySelectorAll("td:first-child code")]
    .map((code) => code.textContent)
    .filter((text) => /^POP3_[A-Z_]+$/.test(text) && document.getElementById(text.toLowerCase()) === null)`);
  assert.deepEqual(without, []);
  await page.close();
});
