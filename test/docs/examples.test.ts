// The examples run as they are, against servers that behave like those of Google and Microsoft.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Webhook } from "../../src/fetch/index.ts";
import { Pop3Server, type ServerMechanism } from "../../src/testing/index.ts";
import { deliver } from "../support/delivery.ts";
import { IdentityProvider } from "../support/identity-provider.ts";

const root = join(import.meta.dirname, "../..");
const MESSAGES = ["Subject: one\r\n\r\n1\r\n", "Subject: two\r\n\r\n2\r\n"];
const OLD = "hunter2-token-1";
/** As long as they are at Microsoft: no command line has room for it. */
const FRESH = `hunter2-token-2.${"x".repeat(2000)}`;
/** Refused by the mail server, then one that it takes. */
const grants = (_: unknown, nth: number): object => ({
  access_token: nth === 1 ? OLD : FRESH,
  token_type: "Bearer",
  expires_in: 3599,
});

let folder: string;
let tokenFile: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "popwright-examples-"));
  tokenFile = join(folder, "refresh.token");
  await writeFile(tokenFile, "hunter2-refresh-1\n");
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** Runs an example, with all that it prints and logs; `onOutput` is told what it has printed so far. */
async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  onOutput: (stdout: string) => void = () => {},
): Promise<Outcome> {
  const [example = "", ...rest] = args;
  const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;
  const child = spawn(process.execPath, ["--import", tsx, join(root, "examples", example), ...rest], {
    cwd: root,
    env: { ...process.env, DEBUG: "popwright:*", REFRESH_TOKEN_FILE: tokenFile, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 150_000,
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    onOutput((stdout += chunk));
  });
  const [stderr, code] = await Promise.all([
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once("close", resolve)),
  ]);
  return { stdout, stderr, code };
}

/** Where the example finds its servers, and whom to trust. */
async function placesOf(server: Pop3Server, provider: IdentityProvider): Promise<Record<string, string>> {
  const ca = join(folder, "ca.pem");
  await writeFile(ca, server.ca);
  return {
    NODE_EXTRA_CA_CERTS: ca,
    POP3_HOST: server.host,
    POP3_PORT: String(server.port),
    TOKEN_ENDPOINT: `${provider.url}/token`,
  };
}

function expectNoSecret({ stdout, stderr }: Outcome): void {
  const printed = stdout + stderr;
  expect(printed).not.toContain("hunter2");
  // The middle of it in base64, in each of three shifts.
  for (const shift of ["", "x", "xx"]) {
    expect(printed).not.toContain(Buffer.from(`${shift}hunter2-token`).toString("base64").slice(4, 16));
  }
}

const clientLines = (server: Pop3Server): string[] =>
  server.transcript
    .toString()
    .split("\n")
    .filter((line) => /^C: (?:AUTH|\*+$)/.test(line));

/** Closes on a token in the line of AUTH, and does not say why it refuses one. */
const exchange: ServerMechanism = {
  name: "XOAUTH2",
  initialResponse: false,
  *exchange(accounts) {
    const response = (yield Buffer.alloc(0)).toString("utf8");
    const [, user, token] = /^user=(.*)\x01auth=Bearer (.*)\x01\x01$/.exec(response) ?? [];
    const account = accounts.verifyToken(user, token ?? "");
    return account ?? "Authentication failure: unknown user name or bad password.";
  },
};

const microsoft = {
  greeting: "The Microsoft Exchange POP3 service is ready.",
  tls: true,
  apop: false,
  pipelining: false,
  sasl: ["PLAIN", exchange],
};

describe("gmail.ts", () => {
  const env = {
    GMAIL_USER: "ann@gmail.com",
    GOOGLE_CLIENT_ID: "client-1",
    GOOGLE_CLIENT_SECRET: "hunter2-client",
  };

  test("logs in with a fresh token if the current one is refused", async () => {
    await using server = await Pop3Server.listen({
      users: { "ann@gmail.com": { accessToken: FRESH, messages: MESSAGES } },
      tls: true,
      apop: false,
      sasl: ["PLAIN", "XOAUTH2", "OAUTHBEARER"],
    });
    await using provider = await IdentityProvider.listen(grants);
    const outcome = await run(["gmail.ts"], { ...env, ...(await placesOf(server, provider)) });
    expect(outcome).toMatchObject({ stdout: "2 messages\n", code: 0 });
    const form = {
      client_id: "client-1",
      client_secret: "hunter2-client",
      grant_type: "refresh_token",
      refresh_token: "hunter2-refresh-1",
    };
    expect(provider.requests).toEqual([form, form]);
    expect(clientLines(server)).toEqual([
      "C: AUTH OAUTHBEARER ****",
      "C: ****", // to the refusal, which -ERR follows
      "C: AUTH OAUTHBEARER",
      "C: ****",
    ]);
    expect(outcome.stderr).toContain("C: AUTH OAUTHBEARER ****");
    expectNoSecret(outcome);
    // Read and closed as it should be: nothing was deleted.
    expect(server.maildrop("ann@gmail.com").messages).toHaveLength(2);
  });

  test("reports the error of the token endpoint", async () => {
    await using server = await Pop3Server.listen({ tls: true, sasl: ["XOAUTH2"] });
    await using provider = await IdentityProvider.listen(() => ({
      error: "invalid_grant",
      error_description: "Token has been expired or revoked.",
    }));
    const outcome = await run(["gmail.ts"], { ...env, ...(await placesOf(server, provider)) });
    expect(outcome).toMatchObject({ stdout: "", code: 1 });
    expect(outcome.stderr).toContain(
      "refused the request: invalid_grant: Token has been expired or revoked.",
    );
    expectNoSecret(outcome);
    expect(clientLines(server)).toEqual([]);
  });

  test("reports the error of the mail server", async () => {
    await using server = await Pop3Server.listen({
      users: { "ann@gmail.com": { accessToken: FRESH } },
      tls: true,
      sasl: ["XOAUTH2"],
      faults: [{ on: "STAT", reply: "-ERR [SYS/PERM] Your account is not enabled for POP access\r\n" }],
    });
    await using provider = await IdentityProvider.listen(grants);
    const outcome = await run(["gmail.ts"], { ...env, ...(await placesOf(server, provider)) });
    expect(outcome).toMatchObject({ stdout: "", code: 1 });
    expect(outcome.stderr).toContain(
      "POP3_REFUSED: the server refused STAT: Your account is not enabled for POP access",
    );
    expectNoSecret(outcome);
  });
});

test("microsoft365.ts logs in in two steps, and saves the new refresh token", async () => {
  await using server = await Pop3Server.listen({
    ...microsoft,
    users: { "ann@example.com": { accessToken: FRESH, messages: MESSAGES } },
  });
  await using provider = await IdentityProvider.listen((form, nth) => ({
    ...grants(form, nth),
    refresh_token: `hunter2-refresh-${nth + 1}`,
  }));
  const outcome = await run(["microsoft365.ts"], {
    MICROSOFT_USER: "ann@example.com",
    MICROSOFT_CLIENT_ID: "client-1",
    ...(await placesOf(server, provider)),
  });
  expect(outcome).toMatchObject({ stdout: "2 messages\n", code: 0 });
  expect(provider.requests).toEqual(
    ["hunter2-refresh-1", "hunter2-refresh-2"].map((refresh_token) => ({
      client_id: "client-1",
      scope: "https://outlook.office.com/POP.AccessAsUser.All offline_access",
      grant_type: "refresh_token",
      refresh_token,
    })),
  );
  expect(clientLines(server)).toEqual(["C: AUTH XOAUTH2", "C: ****", "C: AUTH XOAUTH2", "C: ****"]);
  expectNoSecret(outcome);
  expect(await readFile(tokenFile, "utf8")).toBe("hunter2-refresh-3\n");
  expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
});

test("microsoft365-application.ts opens every mailbox with one token", async () => {
  await using server = await Pop3Server.listen({
    ...microsoft,
    users: {
      "ann@example.com": { accessToken: FRESH, messages: MESSAGES },
      "bob@example.com": { accessToken: FRESH },
      "eve@example.com": { accessToken: "another" },
    },
  });
  await using provider = await IdentityProvider.listen(grants);
  const outcome = await run(
    ["microsoft365-application.ts", "ann@example.com", "eve@example.com", "bob@example.com"],
    {
      MICROSOFT_TENANT: "example.com",
      MICROSOFT_CLIENT_ID: "client-1",
      MICROSOFT_CLIENT_SECRET: "hunter2-client",
      ...(await placesOf(server, provider)),
    },
  );
  expect(outcome).toMatchObject({
    stdout: "ann@example.com: 2 messages\nbob@example.com: 0 messages\n",
    code: 1,
  });
  expect(outcome.stderr).toContain(
    "eve@example.com: POP3_AUTH_REJECTED: the server refused the login: Authentication failure: unknown user name or bad password.",
  );
  // The failure of one mailbox is not reported again for the next one.
  expect(outcome.stderr).not.toContain("bob@example.com: POP3_");
  const form = {
    grant_type: "client_credentials",
    client_id: "client-1",
    client_secret: "hunter2-client",
    scope: "https://outlook.office365.com/.default",
  };
  // One at first, one when the first was refused, and one when the mailbox was.
  expect(provider.requests).toEqual([form, form, form]);
  // Eve's is not shown the same token twice.
  expect(clientLines(server).filter((line) => line === "C: ****")).toHaveLength(4);
  expectNoSecret(outcome);
});

describe("oauth2-sign-in.ts", () => {
  test.each([
    ["google", { client_id: "google-1", client_secret: "hunter2-client" }, "https://mail.google.com/"],
    [
      "microsoft",
      { client_id: "microsoft-1" },
      "https://outlook.office.com/POP.AccessAsUser.All offline_access",
    ],
  ])("signs in with %s", async (name, client, scope) => {
    await using provider = await IdentityProvider.listen(() => ({
      access_token: OLD,
      refresh_token: "hunter2-refresh-2",
    }));
    let browser: Promise<string> | undefined;
    const outcome = await run(
      ["oauth2-sign-in.ts", name],
      {
        GOOGLE_CLIENT_ID: "google-1",
        GOOGLE_CLIENT_SECRET: "hunter2-client",
        MICROSOFT_CLIENT_ID: "microsoft-1",
        AUTHORIZE_ENDPOINT: `${provider.url}/authorize`,
        TOKEN_ENDPOINT: `${provider.url}/token`,
      },
      (stdout) => {
        const url = /^http.*(?=\n)/m.exec(stdout)?.[0];
        if (url !== undefined) browser ??= signIn(url);
      },
    );
    expect(await browser).toBe("You can close this page.");
    expect(outcome).toMatchObject({ code: 0 });
    expectNoSecret(outcome);
    expect(provider.signIns).toMatchObject([
      { response_type: "code", client_id: client.client_id, scope, code_challenge_method: "S256" },
    ]);
    expect(provider.requests).toMatchObject([
      {
        ...client,
        grant_type: "authorization_code",
        code: "hunter2-code-1",
        redirect_uri: provider.signIns[0]?.["redirect_uri"],
      },
    ]);
    expect(await readFile(tokenFile, "utf8")).toBe("hunter2-refresh-2\n");
    expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
  });

  /** What a browser does, and what a stranger may do before. */
  async function signIn(url: string): Promise<string> {
    const stranger = new URL(new URL(url).searchParams.get("redirect_uri") ?? "");
    stranger.search = "?code=hunter2-code-9&state=guessed";
    expect((await fetch(stranger)).status).toBe(404);
    return (await fetch(url)).text();
  }
});

test("webhook-receiver.ts takes each message once, and no unsigned one", async () => {
  const secrets = ["a", "b"].map((letter) => `whsec_${Buffer.alloc(32, letter).toString("base64")}`);
  const [right = "", wrong = ""] = secrets;
  const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;
  const child = spawn(process.execPath, ["--import", tsx, join(root, "examples/webhook-receiver.ts")], {
    cwd: root,
    env: { ...process.env, WEBHOOK_SECRET: right, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    child.stdout.setEncoding("utf8");
    const [ready] = (await once(child.stdout, "data")) as [string];
    const url = `http://127.0.0.1:${/\d+/.exec(ready)?.[0]}/`;
    const message = Buffer.from("Subject: \xff\r\n\r\n", "latin1");
    const receiver = new Webhook(url, { secrets: right, allowPrivate: true });
    expect(await deliver(receiver, "one", message)).toBe("new");
    expect(await deliver(receiver, "one", message)).toBe("known");
    expect(await deliver(receiver, "two", message)).toBe("new");
    for (const options of [{ secrets: wrong }, {}])
      await expect(
        deliver(new Webhook(url, { ...options, allowPrivate: true }), "three", message),
      ).rejects.toThrow("answered HTTP 401");
  } finally {
    child.kill();
  }
});

test("examples/README.md lists every example", async () => {
  const text = await readFile(join(root, "examples/README.md"), "utf8");
  const listed = [...text.matchAll(/\]\(([^)]*)\)/g)].flatMap(([, path = ""]) =>
    path.startsWith("../") ? [] : [path],
  );
  const folders = ["", "destinations/", "ledgers/", "service/", "with-packages/"];
  const names = await Promise.all(
    folders.map(async (path) =>
      (await readdir(join(root, "examples", path), { withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map(({ name }) => path + name),
    ),
  );
  const tools = /^\.|README|with-packages\/(\.|package|tsconfig)/;
  expect(listed.sort()).toEqual(
    names
      .flat()
      .filter((name) => !tools.test(name))
      .sort(),
  );
});
