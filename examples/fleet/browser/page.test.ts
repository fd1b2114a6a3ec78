// The example as a whole, in a real Chromium: mailboxes in trouble are shown for what they are, and the buttons do what they say.
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { chromium, type Browser, type Page } from "playwright-core";

const DIRECTORY = join(import.meta.dirname, "..");
/** Where the screenshots go, if they are wanted. */
const SCREENSHOTS = process.env["SCREENSHOTS"];
const PORT = 20_000 + (process.pid % 10_000);
const URL = `http://127.0.0.1:${String(PORT)}`;

let example: ChildProcess;
let browser: Browser;

interface Status {
  readonly states: Readonly<Record<string, number>>;
  readonly workers: readonly unknown[];
}

async function status(): Promise<Status | undefined> {
  const answer = await fetch(`${URL}/api/status`).catch(() => undefined);
  return answer?.ok === true ? ((await answer.json()) as Status) : undefined;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) {
    assert.equal(example.exitCode, null, "the example has ended");
    await delay(500);
  }
}

before(async () => {
  example = spawn(process.execPath, ["--import", "tsx", "start.ts"], {
    cwd: DIRECTORY,
    env: { ...process.env, PORT: String(PORT) },
    stdio: ["ignore", "ignore", "inherit"],
  });
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
  // The mailbox that kills its worker has to do so five times.
  await until(async () => {
    const { states = {}, workers = [] } = (await status()) ?? {};
    return states["login"] === 1 && states["poison"] === 1 && states["host"] === 2 && workers.length >= 2;
  });
});

after(async () => {
  await browser.close();
  if (example.exitCode === null) example.kill("SIGTERM");
});

/** A page that must have no errors, ask no other machine, and not be wider than its window. */
async function open(
  width: number,
  path = "/",
): Promise<{ readonly page: Page; readonly check: () => Promise<void> }> {
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  const errors: string[] = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => request.url().startsWith(URL) || errors.push(`asks ${request.url()}`));
  await page.goto(URL + path);
  await page.waitForSelector('#worst [data-state="poison"]');
  const check = async (): Promise<void> => {
    const [content, view] = await page.evaluate<[number, number]>(
      "[document.documentElement.scrollWidth, document.documentElement.clientWidth]",
    );
    assert.equal(content, view, "the page is wider than its window");
    assert.deepEqual(errors, []);
  };
  return { page, check };
}

async function picture(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

const shows = async (page: Page, selector: string, text: RegExp): Promise<void> => {
  await page.locator(selector, { hasText: text }).first().waitFor();
};

for (const width of [1280, 390])
  void test(`at ${String(width)} pixels, each mailbox in trouble says what to do`, async () => {
    const { page, check } = await open(width);
    await check();
    await picture(page, `overview-${String(width)}`);
    for (const [state, login, advice] of [
      ["login", "wrong-password@north.example", /Ask the user for the right one/],
      ["poison", "kills-its-worker@south.example", /have ended with their process/],
      ["host", "older@dead.example", /cannot be reached/],
    ] as const) {
      await page.locator(`#worst [data-state="${state}"] button`, { hasText: login }).click();
      await page.locator(`#mailbox [data-login="${login}"]`).waitFor();
      await shows(page, `#mailbox .about[data-state="${state}"]`, advice);
      await check();
      await picture(page, `${state}-${String(width)}`);
    }
    await shows(page, '#hosts [data-host="127.0.0.14"]', /POP3_CONNECT/);
    await page.locator('#worst [data-state="login"] button').click();
    await shows(page, "#mailbox .session", /\*{4}.*POP3_AUTH_REJECTED/s);
    await page.close();
  });

void test("a password is set, a mailbox is paused, and an account is added and removed, while it runs", async () => {
  const { page, check } = await open(1280);
  const mailbox = page.locator("#mailbox");
  await page.locator('#worst [data-state="login"] button').click();
  await mailbox.locator('[data-login="wrong-password@north.example"]').waitFor();
  await mailbox.locator('input[type="password"]').fill("correct horse");
  await mailbox.getByRole("button", { name: "Set" }).click();
  await shows(page, '#mailbox .about[data-state="ok"]', /Nothing to do/);
  await mailbox.getByRole("button", { name: "Pause" }).click();
  await mailbox.locator('.about[data-state="paused"]').waitFor();
  await mailbox.getByRole("button", { name: "Resume" }).click();
  await mailbox.locator('.about[data-state="ok"]').waitFor();
  await mailbox.getByRole("button", { name: "Poll now" }).click();
  await page.locator("#toast", { hasText: "It is polled now." }).waitFor();
  const form = page.locator("#add");
  await form.getByLabel("User").fill("new1@north.example");
  await form.getByLabel("Password").fill("correct horse");
  await form.getByRole("button", { name: "Add" }).click();
  await mailbox.locator('[data-login="new1@north.example"]').waitFor();
  await shows(page, "#mailbox .log li", /fetched/);
  await shows(page, "#mailbox .session", /UIDL.*QUIT/s);
  assert.doesNotMatch(await page.locator("#mailbox .session").innerText(), /correct|[A-Za-z0-9+/]{24}/);
  await page.locator("#search input").fill("new1@north");
  await page.locator("#search button").click();
  await page.locator("#found button", { hasText: "new1@north.example" }).waitFor();
  await mailbox.getByRole("button", { name: "Remove" }).click();
  await shows(page, "#mailbox", /does not exist any more/);
  await check();
  await page.close();
});

void test("answers probes and Prometheus, and shows the queue", async () => {
  const metrics = await (await fetch(`${URL}/metrics`)).text();
  assert.match(metrics, /^popwright_mailboxes\{state="ok"\} \d+$/m);
  assert.match(metrics, /^popwright_host_open\{host="127\.0\.0\.14"\} 1$/m);
  assert.match(metrics, /^popwright_oldest_success_seconds [\d.]+$/m);
  // The mailbox that kills its worker is found again each time.
  assert.match(metrics, /^popwright_engine_stalled_total [1-9]\d*$/m);
  const ofWorker = await (await fetch(`http://127.0.0.1:${String(PORT + 1)}/metrics`)).text();
  assert.match(ofWorker, /^popwright_polls_total\{outcome="done",scope="none"\} \d+$/m);
  assert.match(ofWorker, /^popwright_lag_seconds_bucket/m);
  // Thousands of mailboxes would be thousands of series.
  assert.doesNotMatch(metrics + ofWorker, /mailbox=|@/);
  for (const port of [PORT, PORT + 1, PORT + 2])
    for (const path of ["healthz", "readyz"])
      assert.equal(
        (await fetch(`http://127.0.0.1:${String(port)}/${path}`)).status,
        200,
        `${String(port)} ${path}`,
      );
  const page = await browser.newPage();
  const foreign: string[] = [];
  page.on("requestfinished", (request) => request.url().startsWith(URL) || foreign.push(request.url()));
  await page.goto(`${URL}/queues`);
  await page.getByText("mail", { exact: true }).first().waitFor();
  assert.deepEqual(foreign, []);
  await page.close();
});

void test("SIGTERM ends everything in good order within 25 seconds", async () => {
  const ended = once(example, "exit");
  const began = performance.now();
  example.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
  assert.ok(performance.now() - began < 25_000);
});
