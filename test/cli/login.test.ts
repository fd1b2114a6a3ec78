// `popwright login`: the sign-in with the browser and with another device, what is stored, and what is refused.
import { once } from "node:events";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { browserCommand } from "../../src/cli/login/browser.ts";
import { sameAddress } from "../../src/options/mail-address.ts";
import { stopClocks, timePasses } from "../support/clock.ts";
import { IdentityProvider, RawReply } from "../support/identity-provider.ts";
import { newDirectory } from "../support/place.ts";
import { turns } from "../support/turns.ts";
import { fileOf, grant, logIn, provider, terminalIn, visit } from "./login.ts";
import { programOf } from "./program.ts";
import type { Terminal } from "./terminal.ts";

const ANN = ["google", "ann@gmail.com"] as const;
const MICROSOFT = ["microsoft", "ann@gmail.com"] as const;

function expectNoSecret(terminal: Terminal): void {
  expect(terminal.words).not.toContain("hunter2");
}

test("signs in with the browser, and stores the refresh token for its owner only", async () => {
  await using google = await provider();
  const { terminal, code, page, directory } = await logIn(google, ANN);
  expect(terminal.err).toContain("ann@gmail.com has signed in");
  expect(code).toBe(0);
  expect(page).toContain("You can close this window.");
  expectNoSecret(terminal);
  const [request = {}] = google.signIns;
  expect(request).toMatchObject({
    response_type: "code",
    client_id: "client-1",
    scope: "https://mail.google.com/ openid email",
    code_challenge_method: "S256",
    login_hint: "ann@gmail.com",
    access_type: "offline",
    prompt: "consent",
  });
  expect(request["redirect_uri"]).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(google.requests).toMatchObject([
    {
      grant_type: "authorization_code",
      client_id: "client-1",
      client_secret: "hunter2-client",
      redirect_uri: request["redirect_uri"],
    },
  ]);
  // The address that others may see, as an argument of the browser, has neither the verifier nor a secret.
  expect(terminal.out.trim().split("\n")).toHaveLength(1);
  expect(terminal.out).not.toContain(google.requests[0]?.["code_verifier"]);
  const path = fileOf(directory);
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({
    provider: "google",
    purpose: "mail",
    address: "ann@gmail.com",
    tokenUrl: `${google.url}/token`,
    clientId: "client-1",
    clientSecret: "hunter2-client",
    refreshToken: "hunter2-refresh-1",
    authority: google.url,
  });
  if (process.platform !== "win32") {
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(path, ".."))).mode & 0o777).toBe(0o700);
  }
  expect(await readdir(join(path, ".."))).toEqual(["google-ann@gmail.com.json"]);
  expect(terminal.words).toContain(
    "Next: popwright check pop3s://ann%40gmail.com@pop.gmail.com --login google",
  );
  expect(terminal.words).toContain("ends after seven days. Publish it");
  expect(terminal.words).toContain("Advanced Protection Program");
});

test("a second sign-in knows the client, and replaces the file", async () => {
  await using google = await provider();
  const { directory } = await logIn(google, ANN);
  const env = { POPWRIGHT_CLIENT_ID: "", POPWRIGHT_CLIENT_SECRET: "" };
  const { code } = await logIn(google, ["google", "Ann@Gmail.com"], { directory, env });
  expect(code).toBe(0);
  expect(google.requests[1]).toMatchObject({ client_id: "client-1", client_secret: "hunter2-client" });
  expect(await readFile(fileOf(directory), "utf8")).toContain("hunter2-refresh-2");
});

test("the Gmail API has a file and scopes of its own", async () => {
  await using google = await provider();
  const { directory, code, terminal } = await logIn(google, ANN, {
    args: ["--no-browser", "--for", "gmail-api"],
  });
  expect(code).toBe(0);
  expect(google.signIns[0]?.["scope"]).toBe(
    "https://www.googleapis.com/auth/gmail.insert https://www.googleapis.com/auth/gmail.labels openid email",
  );
  expect(
    JSON.parse(await readFile(fileOf(directory, "google-gmail-api-ann@gmail.com"), "utf8")),
  ).toMatchObject({
    purpose: "gmail-api",
  });
  expect(terminal.words).toContain("Next: popwright check --to gmail:ann@gmail.com");
});

test("Microsoft redirects to localhost, has a tenant, and each refresh names the scope", async () => {
  await using microsoft = await provider({ email: undefined, preferred_username: "ANN@gmail.com" });
  const { directory, code } = await logIn(microsoft, MICROSOFT, {
    args: ["--no-browser", "--tenant", "example.com"],
    env: { POPWRIGHT_CLIENT_SECRET: "" },
  });
  expect(code).toBe(0);
  expect(microsoft.signIns[0]?.["redirect_uri"]).toMatch(/^http:\/\/localhost:\d+$/);
  expect(JSON.parse(await readFile(fileOf(directory, "microsoft-ann@gmail.com"), "utf8"))).toMatchObject({
    tokenUrl: `${microsoft.url}/example.com/oauth2/v2.0/token`,
    scope: "https://outlook.office.com/POP.AccessAsUser.All offline_access",
    tenant: "example.com",
  });
});

test("the client comes from the file of the Google Cloud console, or from a file with the secret", async () => {
  await using google = await provider();
  const directory = await newDirectory();
  const [json, secret] = [join(directory, "client.json"), join(directory, "secret")];
  await writeFile(
    json,
    JSON.stringify({ installed: { client_id: "from-file", client_secret: "hunter2-file" } }),
  );
  await writeFile(secret, "hunter2-line\n");
  const args = ["--no-browser", "--client-secret-file"];
  expect((await logIn(google, ANN, { args: [...args, json], env: { POPWRIGHT_CLIENT_ID: "" } })).code).toBe(
    0,
  );
  expect((await logIn(google, ANN, { args: [...args, secret] })).code).toBe(0);
  expect(google.requests).toMatchObject([
    { client_id: "from-file", client_secret: "hunter2-file" },
    { client_id: "client-1", client_secret: "hunter2-line" },
  ]);
  await writeFile(json, '{ "web": { "client_secret": "hunter2-web" } }');
  const { code, terminal } = await logIn(google, ANN, { args: [...args, json] });
  expect(code).toBe(78);
  expect(terminal.words).toContain('or the JSON file of a client of type "Desktop app"');
  expectNoSecret(terminal);
});

describe("nothing is stored", () => {
  const refused = async (
    google: IdentityProvider,
    words: string,
    expected = 77,
    browser = visit,
  ): Promise<void> => {
    const { terminal, code, directory } = await logIn(google, ANN, { browser });
    expect(terminal.words).toContain(words);
    expect(code).toBe(expected);
    expectNoSecret(terminal);
    expect(await readdir(join(fileOf(directory), ".."))).toEqual([]);
  };

  test.each([
    [{ email: "bob@gmail.com" }, "bob@gmail.com has signed in, not ann@gmail.com. Nothing was stored."],
    [{ email_verified: false }, "an account without an address has signed in"],
    [{ email: undefined }, "an account without an address has signed in"],
    [{ aud: "another" }, "not for this sign-in"],
    [{ nonce: "another" }, "not for this sign-in"],
  ])("if the ID token has %j", async (claims, words) => {
    await using google = await provider(claims);
    await refused(google, words);
  });

  test.each([
    [{ id_token: undefined }, "did not say which account has signed in"],
    [{ id_token: "hunter2" }, "did not say which account has signed in"],
    [{ refresh_token: undefined }, "sent no refresh token"],
    [{ scope: "openid email" }, "was not allowed (https://mail.google.com/)"],
  ])("if the reply has %j", async (more, words) => {
    await using google = await provider({}, more);
    await refused(google, words);
  });

  test.each([
    [{ error: "access_denied" }, "the sign-in was cancelled"],
    [
      { error: "admin_policy_enforced", error_description: "not\u202eallowed" },
      "refused the sign-in: admin_policy_enforced: not\\u202eallowed.",
    ],
    [{ code_is: "missing" }, "refused the sign-in: no code."],
  ])("if the browser comes back with %j", async (refusal, words) => {
    await using google = await provider();
    google.refusal = refusal;
    await refused(google, words);
    expect(google.requests).toEqual([]);
  });

  test.each([
    [{ error: "invalid_client", error_description: "The secret is wrong." }, 77, "The secret is wrong."],
    [new RawReply(503, { "retry-after": "5" }, ""), 75, "cannot answer now (HTTP status 503)"],
    [new RawReply(200, {}, "<html>"), 75, "answered without a token"],
    [new RawReply(404, {}, "<html>"), 69, "answered without a token"],
  ])("if the token server answers with %j", async (answer, code, words) => {
    await using google = await IdentityProvider.listen(() => answer);
    await refused(google, words, code);
  });

  test("if the command is stopped", async () => {
    await using google = await provider();
    const { code, directory } = await logIn(google, ANN, {
      async browser(_url, terminal) {
        terminal.signal.abort();
        return "";
      },
    });
    expect(code).toBe(75);
    expect(await readdir(join(fileOf(directory), ".."))).toEqual([]);
  });
});

/** The status of a request with another name of the host, as a page of the web could cause it. */
async function statusAt(url: string, host: string): Promise<number> {
  const [response] = (await once(get(url, { headers: { host } }), "response")) as [IncomingMessage];
  response.resume();
  return response.statusCode ?? 0;
}

describe("the redirect", () => {
  test("takes nothing but one answer with the right state, at the right name", async () => {
    await using google = await provider();
    const seen: number[] = [];
    const { code, terminal } = await logIn(google, ANN, {
      async browser(url) {
        const parameters = new URL(url).searchParams;
        const redirect = parameters.get("redirect_uri") ?? "";
        const state = parameters.get("state") ?? "";
        const stranger = { code: "hunter2-code-9", state: "guessed" };
        const status = async (query: object, init: RequestInit = {}, path = "/"): Promise<void> => {
          const search = new URLSearchParams({ ...query }).toString();
          seen.push((await fetch(`${redirect}${path}?${search}`, init)).status);
        };
        await status(stranger);
        await status({ ...stranger, state: "" });
        await status({ code: "hunter2-code-9" });
        await status({ ...stranger, state }, { method: "POST" });
        await status({ ...stranger, state }, {}, "/other");
        await status({ ...stranger, state: `${state}x` });
        seen.push(await statusAt(`${redirect}/?code=hunter2-code-9&state=${state}`, "attacker.example"));
        return visit(url);
      },
    });
    expect(code).toBe(0);
    expect(seen).toEqual([404, 404, 404, 404, 404, 404, 404]);
    expect(google.requests.map((form) => form["code"])).toEqual(["hunter2-code-1"]);
    expectNoSecret(terminal);
  });

  test("survives what other programs send to it, and does not wait for them", async () => {
    await using google = await provider();
    const replies: string[] = [];
    let held: Socket | undefined;
    const { code, terminal } = await logIn(google, ANN, {
      async browser(url) {
        const { host, port } = new URL(new URL(url).searchParams.get("redirect_uri") ?? "");
        // A browser that connects ahead of need does this, too.
        held = connect(Number(port), "127.0.0.1");
        await once(held, "connect");
        for (const target of ["//", "http://", "*", "/%", "//?state=x", `http://${host}/?code=1&state=x`]) {
          const socket = connect(Number(port), "127.0.0.1");
          socket.write(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
          replies.push((await text(socket)).slice(0, 12));
        }
        held.write("GET / HTTP/1.1\r\nX-Slow: ");
        return visit(url);
      },
    });
    if (held?.closed === false) await once(held, "close");
    expect(code).toBe(0);
    expect(replies).toEqual(Array.from({ length: 6 }, () => "HTTP/1.1 404"));
    expectNoSecret(terminal);
  });

  test("can be pasted, if the browser runs on another machine", async () => {
    await using google = await provider();
    const directory = await newDirectory();
    const terminal = terminalIn(directory);
    terminal.stdin.isTTY = true;
    let pasted: Promise<void> | undefined;
    terminal.told = () => {
      pasted ??= (async () => {
        const response = await fetch(terminal.out.trim(), { redirect: "manual" });
        terminal.stdin.write("http://127.0.0.1:1/?code=hunter2-code-1&state=guessed\n");
        terminal.stdin.write(`hello\n ${response.headers.get("location") ?? ""} \n`);
      })();
    };
    const code = await terminal.run("login", ...ANN, "--authority", google.url, "--no-browser");
    await pasted;
    expect(terminal.words).toContain("copy the address of that page from the browser, and paste it here");
    expect(code).toBe(0);
    expectNoSecret(terminal);
  });
});

describe("the browser", () => {
  test("is started with the address, and gets no secret", async () => {
    await using google = await provider();
    const directory = await newDirectory();
    const seen = join(directory, "seen.json");
    const [program, script] = await programOf(
      `import { writeFileSync } from "node:fs";
       writeFileSync(${JSON.stringify(seen)}, JSON.stringify([process.argv.slice(2), process.env]));
       await fetch(process.argv[2]);`,
    );
    const terminal = terminalIn(directory, { BROWSER: `"${program}" "${script}"` });
    terminal.columns = 80;
    const code = await terminal.run("login", ...ANN, "--authority", google.url);
    expect(terminal.err).toContain("The browser opens to sign in as ann@gmail.com at Google.");
    expect(code).toBe(0);
    expect(terminal.out).toBe("");
    const [args, env] = JSON.parse(await readFile(seen, "utf8")) as [string[], Record<string, string>];
    expect(args).toHaveLength(1);
    expect(args[0]).toContain(`${google.url}/o/oauth2/v2/auth?response_type=code`);
    expect(args[0]).not.toContain("hunter2");
    expect(args[0]).not.toContain(google.requests[0]?.["code_verifier"]);
    expect(env).not.toHaveProperty("POPWRIGHT_CLIENT_SECRET");
  });

  test("may be missing: the address is printed", async () => {
    await using google = await provider();
    const terminal = terminalIn(await newDirectory(), { BROWSER: "/no/such/browser" });
    terminal.columns = 80;
    let visited: Promise<string> | undefined;
    terminal.heard = () => {
      const [url] = /^http.*$/m.exec(terminal.err) ?? [];
      if (url !== undefined) visited ??= visit(url);
    };
    expect(await terminal.run("login", ...ANN, "--authority", google.url)).toBe(0);
    await visited;
    expect(terminal.words).toContain("No browser can be started here.");
  });

  test.each([
    ["darwin", ["open", "u"]],
    ["win32", ["rundll32", "url.dll,FileProtocolHandler", "u"]],
    ["linux", ["xdg-open", "u"]],
  ] as const)("on %s", (platform, command) => {
    expect(browserCommand("u", {}, platform)).toEqual(command);
    expect(browserCommand("u", { BROWSER: "firefox --new-window" }, platform)).toEqual([
      "firefox",
      "--new-window",
      "u",
    ]);
  });
});

describe("another device", () => {
  const device = { args: ["--device"], env: { POPWRIGHT_CLIENT_SECRET: "" } };

  test("shows a code, and waits until it was entered", async () => {
    await using microsoft = await IdentityProvider.listen((form, nth, signIn) =>
      nth < 3 ? { error: "authorization_pending" } : grant()(form, nth, signIn),
    );
    const { terminal, code, directory } = await logIn(microsoft, MICROSOFT, device);
    expect(terminal.words).toContain(
      "open https://microsoft.example/devicelogin in a browser on any device, and enter the code ABCD-EFGH",
    );
    expect(code).toBe(0);
    expect(microsoft.devices).toEqual([
      {
        client_id: "client-1",
        scope: "https://outlook.office.com/POP.AccessAsUser.All offline_access openid email profile",
      },
    ]);
    expect(microsoft.requests).toHaveLength(3);
    expect(microsoft.requests[0]).toEqual({
      client_id: "client-1",
      grant_type: "urn:ietf:params:oauth:grant-type:device_code",
      device_code: "hunter2-device",
    });
    expectNoSecret(terminal);
    expect(await readFile(fileOf(directory, "microsoft-ann@gmail.com"), "utf8")).toContain(
      "hunter2-refresh-3",
    );
  });

  test.each([
    ["expired_token", "the code was not entered in time"],
    ["authorization_declined", "the sign-in was cancelled"],
    ["invalid_client", "refused the request: invalid_client"],
  ])("ends with %s", async (error, words) => {
    await using microsoft = await IdentityProvider.listen(() => ({ error }));
    const { terminal, code } = await logIn(microsoft, MICROSOFT, device);
    expect(terminal.words).toContain(words);
    expect(code).toBe(77);
    expectNoSecret(terminal);
  });

  test("is checked for its account as well", async () => {
    await using microsoft = await provider({ email: "bob@example.com" });
    const { terminal, code } = await logIn(microsoft, MICROSOFT, device);
    expect(terminal.words).toContain("bob@example.com has signed in, not ann@gmail.com");
    expect(code).toBe(77);
  });

  test("needs a code from the provider", async () => {
    await using microsoft = await provider();
    microsoft.device = { user_code: "hunter2" };
    const { terminal, code } = await logIn(microsoft, MICROSOFT, device);
    expect(terminal.words).toContain("the provider sent no code for the device");
    expect(code).toBe(77);
  });

  describe("with stopped clocks", () => {
    stopClocks();

    test("slows down when the provider wants it, and ends when the code has ended", async () => {
      const asked: number[] = [];
      await using microsoft = await IdentityProvider.listen((_form, nth) => {
        asked.push(performance.now());
        return { error: nth === 2 ? "slow_down" : "authorization_pending" };
      });
      microsoft.device = { ...microsoft.device, interval: 1, expires_in: 20 };
      const start = performance.now();
      const { terminal, code } = await timePasses(logIn(microsoft, MICROSOFT, device));
      expect(asked.map((time) => Math.round((time - start) / 1000))).toEqual([1, 2, 8, 14, 20, 26]);
      expect(terminal.words).toContain("the code was not entered in time");
      expect(code).toBe(77);
    });
  });
});

describe("with stopped clocks", () => {
  stopClocks();

  test("a sign-in that is not finished ends after 15 minutes", async () => {
    await using google = await provider();
    const { terminal, code } = await timePasses(logIn(google, ANN, { browser: async () => "" }));
    expect(terminal.words).toContain("the sign-in was not finished within 15 minutes");
    expect(code).toBe(77);
  });
});

test.each([
  [["google"], "ADDRESS is missing"],
  [["yahoo", "ann@yahoo.com"], 'the provider must be google or microsoft (got "yahoo")'],
  [["google", "ann"], 'ADDRESS must be a mail address (got "ann")'],
  [["google", "ann@gmail.com", "--device"], "device flow has no scopes for mail: use --no-browser"],
  [["google", "ann@gmail.com", "--for", "imap"], "--for must be mail or gmail-api at Google"],
  [["microsoft", "ann@x.example", "--for", "gmail-api"], "--for must be mail or imap at Microsoft"],
  [["microsoft", "ann@x.example", "--device", "--no-browser"], "cannot be combined"],
  [["google", "ann@gmail.com"], "a person must sign in, and there is no terminal here"],
  [
    ["google", "ann@gmail.com", "--no-browser", "--client-secret", "hunter2"],
    "unknown option --client-secret",
  ],
  ...[
    "http://accounts.example",
    "http://localhost:1@accounts.example",
    "https://ann:x@accounts.example",
    "x",
  ].map((url): [string[], string] => [
    ["google", "ann@gmail.com", "--authority", url],
    "begins with https://",
  ]),
])("popwright login %j is refused", async (args, words) => {
  const terminal = terminalIn(await newDirectory());
  expect(await terminal.run("login", ...args)).toBe(64);
  await turns();
  expect(terminal.words).toContain(words);
  expectNoSecret(terminal);
});

test.each([
  [{ POPWRIGHT_CLIENT_ID: "" }, "--client-id is missing"],
  [{ POPWRIGHT_CLIENT_SECRET: "" }, "Google requires the secret of the client"],
])("without a client it says what to do: %j", async (env, words) => {
  const terminal = terminalIn(await newDirectory(), env);
  expect(await terminal.run("login", ...ANN, "--no-browser")).toBe(64);
  expect(terminal.words).toContain(words);
});

test("addresses are of one mailbox in the way of their provider", () => {
  expect(sameAddress("Ann.Smith@googlemail.com", "annsmith@gmail.com")).toBe(true);
  expect(sameAddress("Ann@Example.com", "ann@example.com")).toBe(true);
  expect(sameAddress("a.nn@example.com", "ann@example.com")).toBe(false);
  expect(sameAddress("ann@gmail.com.example", "ann@gmail.com")).toBe(false);
});
