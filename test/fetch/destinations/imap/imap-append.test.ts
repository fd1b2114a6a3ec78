// The destination ImapAppend: what is appended, what the answers of the server mean, and what `check` reports.
import { inspect } from "node:util";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isDown, isLater } from "../../../../src/fetch/destinations/destination-error.ts";
import { ImapAppend, type ImapAppendOptions } from "../../../../src/fetch/index.ts";
import { IMAP_PASSWORD, ImapServer } from "../../../support/imap-server.ts";
import { begun, deliver } from "../../../support/delivery.ts";
import { entryFor } from "../../../support/ledger.ts";
import { scratch } from "../../../support/scratch.ts";
import { Appending, text } from "./appending.ts";

async function destinationTo(
  server: ImapServer,
  more: Partial<ImapAppendOptions> = {},
  folder?: string,
): Promise<ImapAppend> {
  const options = { state: await scratch(), auth: { password: IMAP_PASSWORD } };
  return new ImapAppend(server.url(folder), { ...options, ...more });
}

async function failureOf(call: Promise<unknown>): Promise<Error> {
  return call.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: unknown) => error as Error,
  );
}

describe("a message", () => {
  test("has its flags and its time", async () => {
    await using server = await ImapServer.listen();
    const destination = await destinationTo(server, { flags: ["\\Seen", "$Imported"] });
    await deliver(destination, "one", Buffer.from("Received: x; Sun, 29 Nov 2026 08:00:00 -0200\r\n\r\n"));
    expect(server.folders.get("INBOX")?.messages).toMatchObject([
      { flags: "\\Seen $Imported", date: "29-Nov-2026 10:00:00 +0000" },
    ]);
  });

  test("creates its folder", async () => {
    await using server = await ImapServer.listen();
    const destination = await destinationTo(server, {}, "New");
    expect(await deliver(destination, "one", text("one"))).toBe("new");
    expect(server.messages("New")).toEqual([text("one")]);
  });

  test("creates its folder again if something has removed it", async () => {
    await using place = await Appending.start();
    await place.deliver("one");
    place.server.folders.delete("INBOX");
    expect(await place.deliver("two")).toBe("new");
    expect(place.server.messages()).toEqual([text("two")]);
  });

  test("is appended again if another process has created the folder again", async () => {
    await using place = await Appending.start();
    await place.deliver("one");
    place.server.faults.push({ reply: "NO [TRYCREATE] no such folder" });
    expect(await place.deliver("two")).toBe("new");
    expect([place.copies(text("two")), place.server.count("CREATE")]).toEqual([1, 0]);
    place.server.faults.push({ reply: "NO [TRYCREATE] a" }, { reply: "NO [TRYCREATE] b" });
    expect(isDown(await failureOf(place.deliver("three")))).toBe(true);
  });

  test("goes nowhere if its folder cannot be created", async () => {
    await using server = await ImapServer.listen();
    server.replies.set("CREATE", "NO not allowed");
    const failure = await failureOf(deliver(await destinationTo(server, {}, "New"), "one", text("one")));
    expect(failure.message).toBe("the folder New does not exist and cannot be created: not allowed");
    expect(isDown(failure)).toBe(true);
  });

  test("that is larger than the limit is refused", async () => {
    await using server = await ImapServer.listen();
    const destination = await destinationTo(server, { limit: 20 });
    const failure = await failureOf(deliver(destination, "one", Buffer.alloc(21)));
    expect(failure.message).toBe("the message is larger than 20 bytes (limit of ImapAppend)");
    expect(await deliver(destination, "two", Buffer.alloc(20, "x"))).toBe("new");
  });

  test("is known without a connection", async () => {
    await using server = await ImapServer.listen();
    const destination = await destinationTo(server);
    await deliver(destination, "one", text("one"));
    const port = await server.down();
    expect(await deliver(destination, "one", text("one"))).toBe("known");
    await server.up(port);
  });
});

describe("an answer", () => {
  test.each([
    ["NO no bare line feeds", "refused"],
    ["BAD Command Argument Error. 11", "refused"],
    ["BAD [TOOBIG] too big", "refused"],
    ["NO [OVERQUOTA] full", "down"],
    ["NO [LIMIT] wait", "down"],
    ["NO [NOPERM] no right", "down"],
    ["NO [INUSE] busy", "later"],
  ])("%s: %s, and nothing is looked for", async (reply, expected) => {
    await using place = await Appending.start();
    place.server.faults.push({ reply });
    const failure = await failureOf(place.deliver("one"));
    expect([isDown(failure), isLater(failure)]).toEqual([expected === "down", expected !== "refused"]);
    expect(failure.message).toContain(reply.replace(/^(?:NO|BAD) (?:\[\w+\] )?/, ""));
    await place.restart();
    expect(await place.deliver("one")).toBe("new");
    expect([place.pauses, place.server.count("EXAMINE")]).toEqual([[], 0]);
  });

  test("OVERQUOTA for a message that is larger than the quota: it is refused", async () => {
    await using place = await Appending.start({ quota: 1024 });
    place.server.faults.push({ reply: "NO [OVERQUOTA] full" });
    const failure = await failureOf(place.deliver("one", Buffer.alloc(2000, "x")));
    expect([isDown(failure), isLater(failure)]).toEqual([false, false]);
  });

  test("APPENDLIMIT is kept without sending the message", async () => {
    await using place = await Appending.start({ capabilities: ["UIDPLUS", "APPENDLIMIT=10"] });
    const failure = await failureOf(place.deliver("one"));
    expect([isDown(failure), failure.message]).toEqual([false, expect.stringContaining("APPENDLIMIT")]);
    expect(place.server.count("APPEND")).toBe(0);
  });
});

describe("the destination is down", () => {
  test("if the password is wrong, and no error shows it", async () => {
    await using server = await ImapServer.listen();
    const auth = { password: "wrong-password-0815" };
    const failure = await failureOf(deliver(await destinationTo(server, { auth }), "one", text("one")));
    expect(isDown(failure)).toBe(true);
    expect(failure.message).toMatch(
      /^cannot sign in to 127.0.0.1:\d+: .*AUTHENTICATIONFAILED.*Check the user name/,
    );
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain("wrong-password-0815");
  });

  test("if the server does not accept connections, or refuses them", async () => {
    const server = await ImapServer.listen();
    const destination = await destinationTo(server);
    server.replies.set("greeting", "* BYE too many");
    expect(isDown(await failureOf(begun(destination, "one")))).toBe(true);
    await server.close();
    const failure = await failureOf(begun(destination, "one"));
    expect([isDown(failure), (failure.cause as { code?: string }).code]).toEqual([true, "ECONNREFUSED"]);
  });

  test("if STARTTLS is required and missing: no password is sent", async () => {
    await using server = await ImapServer.listen();
    const destination = await destinationTo(server, { starttls: "required" });
    expect(isDown(await failureOf(begun(destination, "one")))).toBe(true);
    expect(server.count("LOGIN")).toBe(0);
  });

  test.each([
    ["throws", () => Promise.reject(new Error("no token"))],
    ["returns nothing", () => ""],
  ])("if the function of the token %s", async (_, accessToken) => {
    await using server = await ImapServer.listen();
    const failure = await failureOf(begun(await destinationTo(server, { auth: { accessToken } }), "one"));
    expect([isDown(failure), failure.message]).toEqual([
      true,
      expect.stringContaining("imap.auth.accessToken"),
    ]);
  });

  test("if its journal is damaged", async () => {
    await using place = await Appending.start();
    await place.deliver("one");
    const [journal = ""] = (await readdir(place.state)).filter((name) => name.endsWith(".journal"));
    await writeFile(join(place.state, journal), "Subject: mail\r\n");
    const failure = await failureOf(place.deliver("two"));
    expect([isDown(failure), failure.message]).toEqual([true, expect.stringContaining(journal)]);
  });
});

test("a message that was never sent is not looked for", async () => {
  await using place = await Appending.start();
  await place.deliver("one");
  await place.cut();
  const port = await place.server.down();
  await expect(place.appender.deliver("two", text("two"), undefined)).rejects.toMatchObject({
    down: true,
  });
  await place.server.up(port);
  await place.restart();
  expect(await place.deliver("two")).toBe("new");
  expect([place.pauses, place.server.count("EXAMINE")]).toEqual([[], 0]);
});

test("a token function is called for each connection", async () => {
  await using server = await ImapServer.listen({ capabilities: ["UIDPLUS", "SASL-IR", "AUTH=XOAUTH2"] });
  let calls = 0;
  const destination = await destinationTo(server, { auth: { accessToken: () => `token ${++calls}` } });
  await deliver(destination, "one", text("one"));
  expect([calls, server.count("AUTHENTICATE"), server.count("LOGIN")]).toEqual([1, 1, 0]);
});

test("with several connections, commits settle in order, and each message is there once", async () => {
  await using server = await ImapServer.listen();
  const destination = await destinationTo(server, { connections: 4 });
  const settled: number[] = [];
  const messages = Array.from({ length: 30 }, (_, at) => text(`message ${at}`));
  const commits: Promise<unknown>[] = [];
  for (const [at, message] of messages.entries()) {
    if (at === 7) server.faults.push("before OK");
    const writer = await begun(destination, `message ${at}`);
    await writer.write(Buffer.from(message));
    commits.push(writer.commit(entryFor(`message ${at}`)).then(() => settled.push(at)));
  }
  await Promise.all(commits);
  expect(settled).toEqual(messages.map((_, at) => at));
  expect(server.messages().map(String).sort()).toEqual(messages.map(String).sort());
  expect(server.most).toBeLessThanOrEqual(4);
  expect(server.most).toBeGreaterThan(1);
});

describe("check", () => {
  test("reports the folder and appends nothing", async () => {
    await using server = await ImapServer.listen({ quota: 2_000_000 });
    const { lines } = await (await destinationTo(server, {}, "New")).check();
    expect(lines.map(({ name, ok, text: words }) => [name, ok, words])).toEqual([
      ["journal", true, expect.any(String)],
      ["sign-in", true, expect.stringMatching(/^ann at 127\.0\.0\.1:\d+, in clear text$/)],
      ["folder", true, "New does not exist yet: the first message creates it"],
      ["quota", true, "0.0 of 2.0 MB are used"],
      ["server", true, "reports UIDs (UIDPLUS)"],
    ]);
    expect([server.folders.has("New"), server.count("APPEND")]).toEqual([false, 0]);
  });

  test("ends with the step that fails", async () => {
    await using server = await ImapServer.listen();
    const auth = { password: "wrong-password-0815" };
    const { lines } = await (await destinationTo(server, { auth })).check();
    expect(lines.map(({ name, ok }) => [name, ok])).toEqual([
      ["journal", true],
      ["sign-in", false],
    ]);
    expect(inspect(lines)).not.toContain("wrong-password-0815");
  });

  test("is aborted by its signal", async () => {
    await using server = await ImapServer.listen();
    const destination = await destinationTo(server);
    await expect(destination.check(AbortSignal.abort())).rejects.toMatchObject({ code: "POP3_ABORTED" });
  });
});
