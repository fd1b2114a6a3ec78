// The destination GmailImport: what it sends, in which account and under which labels it puts mail, what it does about each
// failure, and that a message is imported once.
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  GmailImport,
  MemoryLedger,
  type DeliveryWriter,
  type GmailImportOptions,
  type MailboxLedger,
} from "../../../src/fetch/index.ts";
import { messageIdIn } from "../../../src/fetch/destinations/gmail/message-id.ts";
import { OAuth2Error, refreshedToken } from "../../../src/oauth2/index.ts";
import { delivery, keyOf } from "../../support/delivery.ts";
import { Folder } from "../../support/folder.ts";
import { GmailServer, type GmailFault, type GmailServerOptions } from "../../support/gmail-server.ts";
import { IdentityProvider } from "../../support/identity-provider.ts";
import { entryFor, HELD } from "../../support/ledger.ts";
import { serverWith } from "../../support/mail.ts";
import { Fetcher } from "../fetcher.ts";

/** The pauses that were waited for. No test waits. */
const pauses: number[] = [];
vi.mock("../../../src/net/settle.ts", async (importOriginal) => ({
  ...(await importOriginal<object>()),
  sleep: (milliseconds: number) => {
    pauses.push(milliseconds);
    return Promise.resolve();
  },
}));

const MESSAGE = Buffer.from(
  "From: bea@x.test\r\nMessage-ID: <1@x.test>\r\nSubject: 1\r\n\r\n\xff\r\n",
  "latin1",
);
const WITHOUT_ID = Buffer.from("From: bea@x.test\r\nSubject: 1\r\n\r\ntext\r\n");

let gmail: GmailServer;
let folder: Folder;
async function restart(options: GmailServerOptions = {}): Promise<void> {
  await gmail[Symbol.asyncDispose]();
  gmail = await GmailServer.listen(options);
}
beforeEach(async () => {
  pauses.length = 0;
  gmail = await GmailServer.listen();
  folder = await Folder.make();
});
afterEach(async () => {
  await gmail[Symbol.asyncDispose]();
  await folder.remove();
});

const accessToken = (): string => "hunter2-token";
const importer = (options: Partial<GmailImportOptions> = {}, address = "ann@gmail.com"): GmailImport =>
  new GmailImport(address, { accessToken, api: gmail.url, ...options });
const withState = (options: Partial<GmailImportOptions> = {}): GmailImport =>
  importer({ state: join(folder.path, "state"), ...options });

async function beginning(
  destination: GmailImport,
  name: string,
  ledger: MailboxLedger = HELD,
  signal?: AbortSignal,
): Promise<DeliveryWriter | "known"> {
  return destination.begin(delivery(name, { fence: ledger.fence }), signal, ledger);
}

/** Delivers a message as a run does. */
async function deliver(
  destination: GmailImport,
  name = "one",
  message = MESSAGE,
  ledger: MailboxLedger = HELD,
): Promise<unknown> {
  const writer = await beginning(destination, name, ledger);
  if (writer === "known") return "known at once";
  for (let at = 0; at < message.length || at === 0; at += 1_000_000)
    await writer.write(Buffer.from(message.subarray(at, at + 1_000_000)));
  await writer.prepare?.();
  return writer.commit(entryFor(name));
}

const calls = (): string[] => gmail.requests.map(({ call }) => call);
/** A refusal of the message. */
const REFUSED = { code: "POP3_DESTINATION", down: false, later: false };
const LATER = { code: "POP3_DESTINATION", down: false, later: true };
const DOWN = { code: "POP3_DESTINATION", down: true, later: true };

describe("a message", () => {
  test("is uploaded in a session of its own, byte for byte", async () => {
    expect(await deliver(importer())).toBe("new");
    expect(calls()).toEqual(["userinfo", "start", "part"]);
    const [, start, part] = gmail.requests;
    expect(start).toMatchObject({
      headers: {
        authorization: "Bearer hunter2-token",
        "x-upload-content-type": "message/rfc822",
        "x-upload-content-length": String(MESSAGE.length),
      },
      body: Buffer.from(JSON.stringify({ labelIds: ["INBOX", "UNREAD"] })),
    });
    expect(start?.url.pathname).toBe("/upload/gmail/v1/users/me/messages/import");
    expect(Object.fromEntries(start?.url.searchParams ?? [])).toEqual({
      uploadType: "resumable",
      internalDateSource: "dateHeader",
    });
    expect(part?.headers["content-range"]).toBe(`bytes 0-${MESSAGE.length - 1}/${MESSAGE.length}`);
    expect(gmail.messages).toMatchObject([
      { octets: MESSAGE, labelIds: ["INBOX", "UNREAD"], method: "import" },
    ]);
    expect(gmail.units).toBe(25);
  });

  test("costs two requests, and the account one more", async () => {
    const destination = importer();
    for (const name of ["one", "two", "three"])
      await deliver(destination, name, Buffer.concat([Buffer.from(`X: ${name}\r\n`), WITHOUT_ID]));
    expect(calls()).toEqual(["userinfo", "start", "part", "start", "part", "start", "part"]);
    expect(gmail.messages).toHaveLength(3);
    expect(gmail.units).toBe(75);
  });

  test("has the options of the import", async () => {
    const options = {
      neverMarkSpam: true,
      internalDateSource: "receivedTime",
      processForCalendar: true,
    } as const;
    await deliver(importer(options));
    expect(gmail.messages[0]?.parameters).toEqual({
      uploadType: "resumable",
      internalDateSource: "receivedTime",
      neverMarkSpam: "true",
      processForCalendar: "true",
    });
  });

  test("can be inserted", async () => {
    expect(
      await deliver(importer({ method: "insert" }), "one", Buffer.from("Subject: no From\r\n\r\n")),
    ).toBe("new");
    expect(gmail.messages).toMatchObject([{ method: "insert" }]);
    expect(gmail.requests[1]?.url.pathname).toBe("/upload/gmail/v1/users/me/messages");
  });

  test("that is large comes in parts, and Gmail accepts it with the last one", async () => {
    const large = Buffer.concat([WITHOUT_ID, Buffer.alloc(20 * 1024 * 1024, "x")]);
    const destination = importer();
    const writer = (await beginning(destination, "one")) as DeliveryWriter;
    await writer.write(Buffer.from(large));
    await writer.prepare?.();
    expect(calls()).toEqual(["userinfo", "start", "part", "part"]);
    expect(gmail.messages).toEqual([]);
    expect(await writer.commit(entryFor("one"))).toBe("new");
    expect(gmail.messages[0]?.octets.equals(large)).toBe(true);
  });

  test("is not sent if it was aborted or is too large", async () => {
    const writer = (await beginning(importer(), "one")) as DeliveryWriter;
    await writer.write(Buffer.from(MESSAGE));
    await writer.abort();
    await expect(deliver(importer({ limit: 10 }))).rejects.toMatchObject({
      ...REFUSED,
      message: "the message is larger than 10 bytes (limit of GmailImport)",
    });
    expect(gmail.messages).toEqual([]);
    expect(calls()).not.toContain("part");
  });

  test("ends when the signal is aborted", async () => {
    gmail.faults.push({ on: "part", cut: "stall" });
    const controller = new AbortController();
    const destination = importer();
    const writer = (await beginning(destination, "one", HELD, controller.signal)) as DeliveryWriter;
    await writer.write(Buffer.from(MESSAGE));
    await writer.prepare?.();
    gmail.faults[0] = { on: "part", cut: "stall", then: () => controller.abort(new Error("enough")) };
    await expect(writer.commit(entryFor("one"))).rejects.toMatchObject({
      code: "POP3_ABORTED",
      cause: { message: "enough" },
    });
    expect(await deliver(destination)).toBe("new");
    expect(gmail.messages).toHaveLength(1);
  });

  test("of one user is sent after another, whatever destination it goes to", async () => {
    const destinations = ["ann@gmail.com", "Ann@googlemail.com", "a.n.n@gmail.com"].map((address) =>
      importer({}, address),
    );
    await Promise.all(
      destinations.map((destination, at) =>
        deliver(destination, `message ${at}`, Buffer.concat([Buffer.from(`X: ${at}\r\n`), WITHOUT_ID])),
      ),
    );
    expect(gmail.messages).toHaveLength(3);
    expect(gmail.mostAtOnce).toBe(1);
  });
});

describe("labels", () => {
  test("are known by name, created once, and looked up once", async () => {
    gmail.labels.set("Label_7", "Old mail");
    const destination = importer({ labels: ["INBOX", "old MAIL", "unread", "pop/ann", "Old mail"] });
    await Promise.all([deliver(destination, "one", MESSAGE), deliver(destination, "two", WITHOUT_ID)]);
    await deliver(destination, "three", Buffer.concat([Buffer.from("X: 3\r\n"), WITHOUT_ID]));
    expect(gmail.messages.map(({ labelIds }) => labelIds)).toEqual(
      Array.from({ length: 3 }, () => ["INBOX", "Label_7", "UNREAD", "Label_2"]),
    );
    expect([gmail.count("labels"), gmail.count("create-label")]).toEqual([1, 1]);
    expect(gmail.units).toBe(3 * 25 + 1 + 5);
  });

  test("may be none: then mail is archived", async () => {
    await deliver(importer({ labels: [] }));
    expect(gmail.messages[0]?.labelIds).toEqual([]);
  });

  test("are looked up again if one was removed", async () => {
    const destination = importer({ labels: ["Old mail"] });
    await deliver(destination, "one", MESSAGE);
    gmail.labels.clear();
    gmail.labels.set("Label_9", "Old mail");
    expect(await deliver(destination, "two", WITHOUT_ID)).toBe("new");
    expect(gmail.messages[1]?.labelIds).toEqual(["Label_9"]);
  });

  test("that another process creates at the same time are taken", async () => {
    gmail.faults.push({
      on: "create-label",
      then: () => gmail.labels.set("Label_9", "Old mail"),
    });
    await deliver(importer({ labels: ["Old mail"] }));
    expect(gmail.messages[0]?.labelIds).toEqual(["Label_9"]);
  });

  test("need a scope, and no message is blamed", async () => {
    await restart({ scopes: ["insert", "email"] });
    await expect(deliver(importer({ labels: ["Old mail"] }))).rejects.toMatchObject({
      ...DOWN,
      message: expect.stringMatching(/labels need gmail\.labels$/) as unknown,
    });
    await deliver(importer());
  });

  test("that Gmail does not allow end the run", async () => {
    gmail.faults.push({
      on: "create-label",
      status: 400,
      reason: "invalidArgument",
      message: "Invalid label name",
    });
    await expect(deliver(importer({ labels: ["^x"] }))).rejects.toMatchObject({
      ...DOWN,
      message: expect.stringMatching(/^the label "\^x" cannot be created: .*Invalid label name$/) as unknown,
    });
  });
});

describe("the access token", () => {
  test("must be for the address", async () => {
    gmail.address = "bob@gmail.com";
    const refused = deliver(importer());
    await expect(refused).rejects.toMatchObject({
      ...DOWN,
      message:
        "the access token is for bob@gmail.com, not for ann@gmail.com. Nothing was imported. Sign in with the other account, or name this one",
    });
    expect(calls()).toEqual(["userinfo"]);
  });

  test("may be for another spelling of it", async () => {
    gmail.address = "annsmith@gmail.com";
    expect(await deliver(importer({}, "Ann.Smith@googlemail.com"))).toBe("new");
  });

  test("tells by its profile if it may read but has no identity", async () => {
    await restart({ scopes: ["insert", "read"] });
    expect(await deliver(importer())).toBe("new");
    expect(calls().slice(0, 2)).toEqual(["userinfo", "profile"]);
    gmail.address = "bob@gmail.com";
    await expect(deliver(importer(), "two")).rejects.toMatchObject(DOWN);
  });

  test("must tell whose it is", async () => {
    await restart({ scopes: ["insert", "labels"] });
    await expect(deliver(importer())).rejects.toMatchObject({
      ...DOWN,
      message: expect.stringContaining('with the scopes "openid email"') as unknown,
    });
    expect(gmail.count("start")).toBe(0);
  });

  test("is asked for again once if Gmail refuses it, and the new one is verified", async () => {
    const asked: unknown[] = [];
    let nth = 0;
    const destination = importer({
      accessToken: (refusal) => {
        if (refusal !== undefined) nth++;
        asked.push(refusal);
        return `hunter2-${nth}`;
      },
    });
    await deliver(destination, "one");
    gmail.revoked.add("hunter2-0");
    expect(await deliver(destination, "two", WITHOUT_ID)).toBe("new");
    expect(asked).toEqual([undefined, undefined, { status: "401" }]);
    expect(gmail.count("userinfo")).toBe(2);

    gmail.revoked.add("hunter2-1").add("hunter2-2");
    await expect(deliver(destination, "three")).rejects.toMatchObject({
      ...DOWN,
      message: expect.stringContaining("The access token is not accepted: sign in again") as unknown,
    });
    expect(asked).toHaveLength(5);
  });

  test("of another account after a refusal imports nothing", async () => {
    let token = "hunter2-ann";
    const destination = importer({ accessToken: () => token });
    await deliver(destination, "one");
    gmail.revoked.add("hunter2-ann");
    gmail.address = "bob@gmail.com";
    token = "hunter2-bob";
    await expect(deliver(destination, "two", WITHOUT_ID)).rejects.toMatchObject(DOWN);
    expect(gmail.messages).toHaveLength(1);
  });

  test.each([undefined, "", 5, "a b", "k\u00e4se"])("cannot be %j", async (token) => {
    await expect(deliver(importer({ accessToken: () => token as string }))).rejects.toMatchObject(DOWN);
    expect(calls()).toEqual([]);
  });

  test.each([
    [
      "invalid_grant",
      "Token has been expired or revoked.",
      /Sign in again\. If the consent screen .* seven days/,
    ],
    ["policy_enforced", undefined, /Advanced Protection Program/],
    ["invalid_client", undefined, /invalid_client$/],
  ])("that does not come ends the run: %s", async (error, description, words) => {
    const refused = new OAuth2Error("POP3_TOKEN_REFUSED", `the token server refused: ${error}`, {
      temporary: false,
      error,
      description,
    });
    const failing = deliver(importer({ accessToken: () => Promise.reject(refused) }));
    await expect(failing).rejects.toMatchObject({ ...DOWN, cause: refused });
    await expect(failing).rejects.toThrow(words);
  });

  test("is refreshed once for all that wait", async () => {
    let valid = "";
    await using provider = await IdentityProvider.listen((_, nth) => {
      valid = `hunter2-access-${nth}`;
      return { access_token: valid, expires_in: 3600, token_type: "Bearer" };
    });
    const source = refreshedToken({
      tokenUrl: `${provider.url}/token`,
      clientId: "client",
      refreshToken: "hunter2-refresh",
      onToken: () => undefined,
    });
    const destinations = Array.from({ length: 8 }, () => importer({ accessToken: source }));
    const all = (round: number): Promise<unknown> =>
      Promise.all(
        destinations.map((destination, at) =>
          deliver(destination, `${round}/${at}`, Buffer.from(`From: a@b\r\nX: ${round}/${at}\r\n\r\n`)),
        ),
      );
    await all(1);
    expect(provider.requests).toHaveLength(1);
    gmail.revoked.add(valid);
    await all(2);
    expect(provider.requests).toHaveLength(2);
    expect(gmail.messages).toHaveLength(16);
  });

  test("is in no error, and neither is the address of an upload", async () => {
    for (const fault of [
      { on: "start", status: 403, reason: "forbidden", message: "token hunter2-token" },
      { on: "part", status: 400, reason: "invalidArgument", message: "Bearer hunter2-token" },
    ] as const) {
      gmail.faults.push(fault);
      const error: unknown = await deliver(importer()).catch((thrown: unknown) => thrown);
      expect(String((error as Error).stack)).not.toMatch(/hunter2|secret-/);
      expect((error as Error).message).toContain("****");
    }
  });
});

describe("a failure", () => {
  test.each([
    [429, "rateLimitExceeded", "Too many concurrent requests for user"],
    [403, "userRateLimitExceeded", "User Rate Limit Exceeded"],
    [403, "rateLimitExceeded", "Rate Limit Exceeded"],
    [403, "forbidden", "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user'"],
    [500, "backendError", "Backend Error"],
    [503, "backendError", "Backend Error"],
  ])("passes: %i %s", async (status, reason, message) => {
    for (const on of ["userinfo", "start", "part"] as const)
      gmail.faults.push({ on, status, reason, message });
    expect(await deliver(importer())).toBe("new");
    expect(pauses).toEqual([1000, 2000, 1000]);
    expect(gmail.messages).toMatchObject([{ again: 0 }]);
  });

  test("that stays ends the run after a while", async () => {
    gmail.faults.push({ on: "start", status: 503, times: 99 });
    await expect(deliver(importer())).rejects.toMatchObject({
      ...DOWN,
      message: "Gmail answered HTTP 503 (backendError): Backend Error",
    });
    expect(pauses).toEqual([1000, 2000, 4000]);
    gmail.faults[0] = { on: "start", status: 429, reason: "rateLimitExceeded", times: 99 };
    pauses.length = 0;
    await expect(deliver(importer())).rejects.toMatchObject(DOWN);
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000]);
  });

  test("of one message that stays does not end the run: 500", async () => {
    gmail.faults.push({ on: "part", status: 500, times: 99 }, { on: "question", status: 500, times: 99 });
    await expect(deliver(importer())).rejects.toMatchObject(LATER);
  });

  describe("with a time", () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ["Date", "performance"] });
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    test.each([429, 503, 500])("is waited for if it is short: %i", async (status) => {
      for (const on of ["start", "part"] as const) gmail.faults.push({ on, status, retryAfter: "20" });
      expect(await deliver(importer())).toBe("new");
      expect(pauses).toEqual([20_000, 20_000]);
    });

    test.each([
      [403, "900", ""],
      [503, "901", ""],
      [403, "1", `User-rate limit exceeded.  Retry after ${new Date(Date.now() + 900_000).toISOString()}`],
    ])(
      "ends the run if it is long, and nothing is sent before it: %i, %s s",
      async (status, retryAfter, message) => {
        const address = `${retryAfter}@gmail.com`;
        gmail.address = address;
        gmail.faults.push({ on: "part", status, reason: "userRateLimitExceeded", message, retryAfter });
        const destination = importer({}, address);
        await expect(deliver(destination)).rejects.toMatchObject(DOWN);
        const requests = gmail.requests.length;
        // Other destinations for the same user wait, too.
        for (const each of [destination, importer({}, address)])
          await expect(deliver(each)).rejects.toMatchObject({
            ...DOWN,
            message: expect.stringMatching(
              /^Gmail wants no requests for another (?:8\d\d|90\d) s$/,
            ) as unknown,
          });
        expect(gmail.requests).toHaveLength(requests);
        vi.advanceTimersByTime(902_000);
        expect(await deliver(destination)).toBe("new");
        expect(pauses).toEqual([]);
      },
    );
  });

  test.each([
    [400, "invalidArgument", "Invalid attachment"],
    [400, "invalidArgument", "Invalid From header"],
    [400, "badRequest", "Bad Request"],
    [413, "uploadTooLarge", "Request Too Large"],
  ])("is that of the message: %i %s: %s", async (status, reason, message) => {
    const destination = withState();
    gmail.faults.push({ on: "part", status, reason, message });
    await expect(deliver(destination)).rejects.toMatchObject({
      ...REFUSED,
      message: expect.stringContaining(`Gmail answered HTTP ${status} (${reason}): ${message}`) as unknown,
    });
    expect(await deliver(destination, "two", WITHOUT_ID)).toBe("new");
    // Nothing is in doubt: it is uploaded again.
    expect(await deliver(destination)).toBe("new");
    expect(calls()).not.toContain("question");
  });

  test("says what to do about a missing From field", async () => {
    await expect(deliver(importer(), "one", Buffer.from("Subject: x\r\n\r\n"))).rejects.toMatchObject({
      ...REFUSED,
      message: expect.stringMatching(/Expected a single 'From' header\. With method "insert"/) as unknown,
    });
  });

  test.each([
    [400, "failedPrecondition", "Mail service not enabled"],
    [403, "domainPolicy", "The domain administrators have disabled Gmail apps."],
    [403, "accessNotConfigured", "Gmail API has not been used in project 1 before or it is disabled."],
    [404, "notFound", "Not Found"],
  ])("is that of the account: %i %s", async (status, reason, message) => {
    gmail.faults.push({ on: "start", status, reason, message });
    await expect(deliver(importer())).rejects.toMatchObject(DOWN);
    gmail.faults[0] = { on: "part", status: status === 404 ? 403 : status, reason, message };
    await expect(deliver(importer())).rejects.toMatchObject(DOWN);
  });

  test("to connect ends the run", async () => {
    const destination = importer();
    await gmail[Symbol.asyncDispose]();
    await expect(deliver(destination)).rejects.toMatchObject({
      ...DOWN,
      message: expect.stringMatching(/^127\.0\.0\.1:\d+ cannot be reached: /) as unknown,
    });
    gmail = await GmailServer.listen();
  });

  test("to answer in time may be due to the message", async () => {
    const destination = importer({ timeout: 1 });
    gmail.faults.push({ cut: "stall", times: 99 });
    await expect(deliver(destination)).rejects.toMatchObject({
      ...LATER,
      message: "Gmail did not answer within 0.001 seconds",
    });
  });

  test("to name an address of Google for the upload ends the run, and no token goes there", async () => {
    await using other = await GmailServer.listen();
    gmail.faults.push({ on: "start", status: 200 });
    await expect(deliver(importer())).rejects.toMatchObject({
      ...DOWN,
      message: "Gmail did not answer with the address of an upload",
    });
    expect(other.requests).toEqual([]);
  });
});

describe("a lost connection", () => {
  test.each(["before", "after"] as const)("%s the message was accepted: it is there once", async (cut) => {
    for (const message of [MESSAGE, WITHOUT_ID]) {
      const destination = importer();
      gmail.faults.splice(0, 1, { on: "part", cut });
      expect(await deliver(destination, message.toString("hex"), message)).toBe("new");
    }
    expect(gmail.messages).toMatchObject([{ again: 0 }, { again: 0 }]);
    expect(gmail.count("question")).toBe(2);
    expect(gmail.count("part")).toBe(cut === "before" ? 4 : 2);
  });

  test("in the middle: only the rest is sent again", async () => {
    const large = Buffer.concat([WITHOUT_ID, Buffer.alloc(3 * 1024 * 1024, "x")]);
    gmail.faults.push({ on: "part", cut: "before", kept: 1_500_000 });
    expect(await deliver(importer(), "one", large)).toBe("new");
    const range = gmail.requests.filter(({ call }) => call === "part").at(-1)?.headers["content-range"];
    expect(range).toBe(`bytes ${5 * 256 * 1024}-${large.length - 1}/${large.length}`);
    expect(gmail.messages[0]?.octets.equals(large)).toBe(true);
  });

  test("whose outcome cannot be asked for is decided when the message comes again", async () => {
    for (const cut of ["before", "after"] as const) {
      const destination = importer();
      const message = Buffer.concat([Buffer.from(`X: ${cut}\r\n`), WITHOUT_ID]);
      gmail.faults.splice(0, 9, { on: "part", cut }, { on: "question", cut: "before", times: 4 });
      await expect(deliver(destination, cut, message)).rejects.toMatchObject(DOWN);
      expect(await deliver(destination, cut, message)).toBe(cut === "after" ? "known at once" : "new");
    }
    expect(gmail.messages).toHaveLength(2);
  });

  test("when an upload begins costs nothing", async () => {
    gmail.faults.push({ on: "start", cut: "after" });
    expect(await deliver(importer(), "one", WITHOUT_ID)).toBe("new");
    expect(gmail.messages).toHaveLength(1);
  });

  test("with a session that Gmail has forgotten: the message is looked for, or sent again", async () => {
    for (const scopes of [
      ["insert", "email"],
      ["insert", "email", "read"],
    ] as const) {
      await restart({ scopes });
      gmail.faults.push({ on: "part", cut: "after" }, { on: "question", then: () => gmail.forgetSessions() });
      expect(await deliver(importer())).toBe(scopes.length === 2 ? "new" : "known");
      expect(gmail.messages).toMatchObject([{ again: scopes.length === 2 ? 1 : 0 }]);
      expect(gmail.count("list")).toBe(1);
    }
  });
});

describe("a crash", () => {
  /** A message whose last reply no process receives: it has died. */
  async function die(destination: GmailImport, cut: "before" | "after", message = WITHOUT_ID): Promise<void> {
    const controller = new AbortController();
    const writer = (await beginning(destination, "one", HELD, controller.signal)) as DeliveryWriter;
    await writer.write(Buffer.from(message));
    await writer.prepare?.();
    const then = (): void => {
      setImmediate(() => controller.abort());
    };
    gmail.faults.push({ on: "part", cut, then }, { on: "question", cut: "stall", then });
    await expect(writer.commit(entryFor("one"))).rejects.toMatchObject({ code: "POP3_ABORTED" });
    gmail.faults.length = 0;
  }

  test("after Gmail has accepted the message: it is known, and not even fetched", async () => {
    await die(withState(), "after");
    expect(await deliver(withState(), "one", WITHOUT_ID)).toBe("known at once");
    expect(await deliver(withState(), "one", WITHOUT_ID)).toBe("known at once");
    expect(gmail.messages).toHaveLength(1);
  });

  test("before that: the same upload continues", async () => {
    await die(withState(), "before");
    const starts = gmail.count("start");
    expect(await deliver(withState(), "one", WITHOUT_ID)).toBe("new");
    expect(gmail.count("start")).toBe(starts);
    expect(gmail.messages).toHaveLength(1);
  });

  test("before that, and the bytes of the dead process arrive late: the message is there once", async () => {
    await die(withState(), "before");
    const late = gmail.requests.findLast(({ call }) => call === "part");
    const writer = (await beginning(withState(), "one")) as DeliveryWriter;
    await writer.write(Buffer.from(WITHOUT_ID));
    await writer.prepare?.();
    const { authorization = "", "content-range": range = "" } = late?.headers ?? {};
    await fetch(late?.url ?? "", {
      method: "PUT",
      headers: { authorization, "content-type": "message/rfc822", "content-range": range },
      body: WITHOUT_ID.toString(),
    });
    expect(gmail.messages).toHaveLength(1);
    expect(await writer.commit(entryFor("one"))).toBe("new");
    expect(gmail.messages).toHaveLength(1);
  });

  test("before that, and the message comes with other bytes: the upload is given up", async () => {
    await die(withState(), "before");
    expect(await deliver(withState(), "one", Buffer.concat([WITHOUT_ID, MESSAGE]))).toBe("new");
    expect(gmail.count("cancel")).toBe(1);
    expect(gmail.messages).toHaveLength(1);
  });

  test("with a session that Gmail has forgotten, or cannot be asked about: it is sent again", async () => {
    await die(withState(), "before");
    gmail.forgetSessions();
    expect(await deliver(withState(), "one", WITHOUT_ID)).toBe("new");
    await die(importer({ state: join(folder.path, "other") }), "before", MESSAGE);
    gmail.faults.push({ on: "question", status: 400, reason: "badRequest" });
    expect(await deliver(importer({ state: join(folder.path, "other") }), "one", MESSAGE)).toBe("new");
    expect(gmail.messages).toHaveLength(2);
  });

  test("without a state: a message is looked for by its Message-ID if the token may read", async () => {
    await restart({ scopes: ["insert", "email", "read", "labels"] });
    const ledger = Object.assign(await new MemoryLedger().open("ann"), { takenOver: true });
    const options = { method: "insert", labels: ["Old mail"] } as const;
    await die(importer(options), "after", MESSAGE);
    expect(await deliver(importer(options), "one", MESSAGE, ledger)).toBe("known");
    // Under another label it has to be put there.
    expect(await deliver(importer({ ...options, labels: ["New"] }), "one", MESSAGE, ledger)).toBe("new");
    expect(await deliver(importer(options), "two", WITHOUT_ID, ledger)).toBe("new");
    expect(gmail.messages).toHaveLength(3);
  });

  test("without a state and a right to read: Gmail recognises the Message-ID", async () => {
    const ledger = Object.assign(await new MemoryLedger().open("ann"), { takenOver: true });
    await die(importer(), "after", MESSAGE);
    const destination = importer();
    expect(await deliver(destination, "one", MESSAGE, ledger)).toBe("new");
    await deliver(destination, "two", Buffer.from(MESSAGE.toString("latin1").replace("<1@", "<2@")), ledger);
    expect(gmail.count("list")).toBe(1);
    expect(gmail.messages).toMatchObject([{ again: 1 }, { again: 0 }]);
  });
});

describe("the state", () => {
  const files = async (): Promise<string[]> => readdir(join(folder.path, "state"));
  const text = async (): Promise<string> =>
    (
      await Promise.all((await files()).map((name) => readFile(join(folder.path, "state", name), "utf8")))
    ).join("");
  const run = (fence: bigint): Promise<MailboxLedger> =>
    new MemoryLedger().open("ann").then((ledger) => Object.assign(ledger, { fence }));

  test("is readable for its owner only, and is written before the message is sent", async () => {
    const writer = (await beginning(withState(), "one")) as DeliveryWriter;
    await writer.write(Buffer.from(MESSAGE));
    await writer.prepare?.();
    expect(await text()).toMatch(/"url":"http:[^"]*upload_id=secret-/);
    expect(gmail.count("part")).toBe(0);
    for (const name of await files())
      expect((await stat(join(folder.path, "state", name))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder.path, "state"))).mode & 0o777).toBe(0o700);
  });

  test("has no address of an accepted upload after the next run has begun, and one file for a mailbox", async () => {
    const destination = withState();
    await deliver(destination, "one", WITHOUT_ID, await run(1n));
    expect(await text()).toContain("upload_id");
    await beginning(destination, "two", await run(2n));
    expect(await text()).not.toContain("upload_id");
    expect(await text()).toContain(keyOf("one"));
    expect(await files()).toHaveLength(1);
  });

  test("of a run that has lost its mailbox does not destroy that of the run that has it", async () => {
    const [stale, holder] = [await run(1n), await run(2n)];
    await deliver(withState(), "one", WITHOUT_ID, holder);
    await beginning(withState(), "two", stale);
    expect(await deliver(withState(), "one", WITHOUT_ID, await run(3n))).toBe("known at once");
    expect(await files()).toHaveLength(1);
  });

  test("counts for its own account and mailbox, and for a week", async () => {
    await deliver(withState(), "one", WITHOUT_ID, await run(1n));
    const other = delivery("one", { mailbox: "bea@pop.test:995", fence: 2n });
    expect(await withState().begin(other, undefined, HELD)).not.toBe("known");
    gmail.address = "bob@gmail.com";
    const bob = importer({ state: join(folder.path, "state") }, "bob@gmail.com");
    expect(await beginning(bob, "one", await run(2n))).not.toBe("known");
    gmail.address = "ann@gmail.com";
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      vi.setSystemTime(Date.now() + 6 * 86_400_000);
      expect(await beginning(withState(), "one", await run(3n))).toBe("known");
      vi.setSystemTime(Date.now() + 2 * 86_400_000);
      expect(await beginning(withState(), "one", await run(4n))).not.toBe("known");
    } finally {
      vi.useRealTimers();
    }
  });

  test("that is torn or foreign spoils nothing else", async () => {
    await deliver(withState(), "one", WITHOUT_ID, await run(1n));
    const [name = ""] = await files();
    const path = join(folder.path, "state", name);
    await writeFile(path, `${await readFile(path, "utf8")}\n{"key":"x","at":1,"upl\n{"key":5}\nnull\n`);
    expect(await deliver(withState(), "one", WITHOUT_ID, await run(2n))).toBe("known at once");
  });

  test("that cannot be used ends the run before anything is sent", async () => {
    await mkdir(folder.path, { recursive: true });
    await writeFile(join(folder.path, "state"), "a file");
    const destination = withState();
    await expect(deliver(destination)).rejects.toMatchObject(DOWN);
    expect(gmail.requests).toEqual([]);
    await folder.removeFile("state");
    expect(await deliver(destination)).toBe("new");
  });

  test("with an address elsewhere: no token goes there", async () => {
    await using other = await GmailServer.listen();
    const writer = (await beginning(withState(), "one", await run(1n))) as DeliveryWriter;
    await writer.write(Buffer.from(MESSAGE));
    await writer.prepare?.();
    const [name = ""] = await files();
    const path = join(folder.path, "state", name);
    await writeFile(path, (await readFile(path, "utf8")).replaceAll(gmail.url, other.url));
    expect(await deliver(withState(), "one", MESSAGE, await run(2n))).toBe("new");
    expect(other.requests).toEqual([]);
  });
});

describe("a run", () => {
  const mails = (count: number): string[] =>
    Array.from(
      { length: count },
      (_, at) => `From: bea@x.test\r\nMessage-ID: <${at}@x.test>\r\n\r\nmessage ${at}\r\n`,
    );

  test.each<readonly [what: string, fault: GmailFault]>([
    ["busy", { on: "start", nth: 3, status: 429, reason: "rateLimitExceeded", retryAfter: "0", times: 99 }],
    ["down", { on: "part", nth: 3, status: 503, times: 99 }],
    ["gone", { nth: 6, cut: "before", times: 99 }],
    ["closed", { on: "start", nth: 3, status: 403, reason: "domainPolicy", message: "disabled" }],
    ["full", { on: "part", nth: 3, status: 403, reason: "forbidden", message: "out of storage" }],
  ])("ends if Gmail is %s, and blames no message", async (_, fault) => {
    await using server = await serverWith(mails(5));
    const fetcher = new Fetcher(server, { destination: withState(), policy: { retry: { first: 0 } } });
    gmail.faults.push(fault);
    const { report } = await fetcher.failure();
    expect(report).toMatchObject({ delivered: 2 });
    const { entries } = await fetcher.known();
    expect(entries.filter(({ status }) => status === "delivered")).toHaveLength(2);
    expect(entries.filter(({ tries = 0 }) => tries > 0)).toEqual([]);
    gmail.faults.length = 0;
    expect(await fetcher.run({ force: true })).toMatchObject({ delivered: 3, failed: [] });
    expect(gmail.messages.map(({ again }) => again)).toEqual([0, 0, 0, 0, 0]);
  });

  test("leaves a message alone that Gmail refuses, and imports the others", async () => {
    const [first = "", ...others] = mails(3);
    const forbidden = `${first}Content-Type: application/x; name="virus.exe"\r\n`;
    await using server = await serverWith([forbidden, ...others, "Subject: no From\r\n\r\n"]);
    const fetcher = new Fetcher(server, { destination: importer() });
    const report = await fetcher.run();
    expect(report).toMatchObject({ delivered: 2 });
    expect(report.failed.map(({ reason }) => reason)).toEqual([
      "Gmail answered HTTP 400 (invalidArgument): Invalid attachment",
      `Gmail answered HTTP 400 (invalidArgument): Expected a single 'From' header. With method "insert" Gmail takes it as it is`,
    ]);
    const { entries } = await fetcher.known();
    expect(entries.flatMap(({ tries }) => tries ?? [])).toEqual([1, 1]);
  });
});

describe("check", () => {
  test("tries everything, and imports nothing", async () => {
    gmail.labels.set("Label_1", "Old mail");
    const { lines } = await withState({ labels: ["INBOX", "Old mail", "New"] }).check();
    expect(lines).toEqual([
      { name: "sign-in", ok: true, text: "the access token is for ann@gmail.com" },
      { name: "labels", ok: true, text: "INBOX, Old mail, New (will be created)" },
      { name: "import", ok: true, text: "allowed; nothing was imported" },
    ]);
    expect(calls()).toEqual(["userinfo", "labels", "start", "cancel"]);
    expect([gmail.messages, [...gmail.labels.values()]]).toEqual([[], ["Old mail"]]);
  });

  test("ends with what fails", async () => {
    gmail.address = "bob@gmail.com";
    expect((await importer().check()).lines).toMatchObject([{ name: "sign-in", ok: false }]);
    await restart({ scopes: ["email", "labels"] });
    expect((await importer({ labels: [], method: "insert" }).check()).lines).toMatchObject([
      { ok: true },
      { ok: true, text: "none: messages are archived" },
      { name: "insert", ok: false, text: expect.stringContaining("importing needs gmail.insert") as unknown },
    ]);
    await expect(importer().check(AbortSignal.abort())).rejects.toMatchObject({ code: "POP3_ABORTED" });
  });

  test("renews a token that is refused", async () => {
    gmail.revoked.add("hunter2-0");
    const destination = importer({ accessToken: (refusal) => `hunter2-${refusal === undefined ? 0 : 1}` });
    expect((await destination.check()).lines.every(({ ok }) => ok)).toBe(true);
  });
});

test.each([
  ["Message-ID: <a@b>", "a@b"],
  ["x: 1\r\nmessage-id:\r\n <a.b+c@d>\r\ny: 2", "a.b+c@d"],
  ["Message-Id: a@b", "a@b"],
  ["Message-ID: <a b@c>", undefined],
  ['Message-ID: <"a"@c>', undefined],
  ["Subject: x\r\n\r\nMessage-ID: <a@b>", undefined],
  ["", undefined],
])("the Message-ID in %j is %s", (head, id) => {
  expect(messageIdIn(Buffer.from(`${head}\r\n\r\ntext`))).toBe(id);
});

test("uploads of other forms reach the fake as well", async () => {
  const url = `${gmail.url}/upload/gmail/v1/users/me/messages/import`;
  const headers = { authorization: "Bearer x" };
  await fetch(`${url}?uploadType=media`, {
    method: "POST",
    headers: { ...headers, "content-type": "message/rfc822" },
    body: WITHOUT_ID.toString(),
  });
  const parts = [
    'application/json\r\n\r\n{"labelIds":["INBOX"]}',
    `message/rfc822\r\n\r\n${WITHOUT_ID.toString()}`,
  ];
  await fetch(`${url}?uploadType=multipart`, {
    method: "POST",
    headers: { ...headers, "content-type": "multipart/related; boundary=b" },
    body: `${parts.map((part) => `--b\r\nContent-Type: ${part}\r\n`).join("")}--b--`,
  });
  expect(gmail.messages.map(({ octets, labelIds }) => [octets, labelIds])).toEqual([
    [WITHOUT_ID, []],
    [WITHOUT_ID, ["INBOX"]],
  ]);
  await restart({ scopes: ["insert", "read"] });
  await fetch(`${gmail.url}/upload/gmail/v1/users/me/messages?uploadType=media`, {
    method: "POST",
    headers,
    body: WITHOUT_ID.toString(),
  });
  const id = gmail.messages[0]?.id ?? "";
  const reply = await fetch(`${gmail.url}/gmail/v1/users/me/messages/${id}?format=raw`, { headers });
  const { raw } = (await reply.json()) as { raw: string };
  expect(Buffer.from(raw, "base64url")).toEqual(WITHOUT_ID);
});
