// `check --record` writes a session as a transcript that can be replayed.
import { readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Pop3Server } from "../../src/testing/index.ts";
import { annsServer, urlOf } from "./ann.ts";
import { newDirectory } from "../support/place.ts";
import { Terminal } from "./terminal.ts";

/** Returns the lines that `check` prints, except the one with the port. */
function found({ out }: Terminal): string[] {
  return out.split("\n").filter((line) => !line.includes("127.0.0.1"));
}

test.each([
  ["TLS", { tls: true }, ""],
  ["STLS", {}, ""],
  ["in clear", { pipelining: false }, "?stls=never"],
  ["a wrong password", { users: { ann: { pass: "other" } } }, "?stls=never"],
  ["POP is off", { faults: [{ on: "STAT", reply: "-ERR [SYS/PERM] off\r\n" }] }, "?stls=never"],
])("a recorded session replays: %s", async (_, options, query) => {
  await using server = await annsServer(options);
  const directory = await newDirectory();
  const [ca, path] = [join(directory, "ca.pem"), join(directory, "session.txt")];
  await writeFile(ca, server.ca);
  const url = urlOf(server).replace("?stls=never", query);
  const first = new Terminal();
  const code = await first.run("check", url, "--ca", ca, "--mechanism", "PLAIN", "--record", path);
  const transcript = await readFile(path, "utf8");
  expect(transcript).not.toContain("secret");
  expect(transcript).not.toContain(Buffer.from("\0ann\0secret").toString("base64"));
  expect(transcript).toMatch(code === 0 ? /S: 1 uid-1\nS: 2 uid-2\nS: \.\nC: QUIT\nS: \+OK/ : /S: -ERR/);
  await using replay = await Pop3Server.replay(transcript);
  await writeFile(ca, replay.ca);
  const second = new Terminal();
  const again = url.replace(String(server.port), String(replay.port));
  expect(await second.run("check", again, "--ca", ca, "--mechanism", "PLAIN")).toBe(code);
  expect(found(second)).toEqual(found(first));
  await replay.idle();
  expect(replay.mismatch).toBeUndefined();
});

test("a greeting with control characters replays octet for octet", async () => {
  const greeting = Buffer.from("+OK \x1b[31m C:\\mail \u202e caf\u00e9 \\\r\n");
  await using server = await annsServer({ faults: [{ on: "greeting", reply: greeting }] });
  const path = join(await newDirectory(), "session.txt");
  expect(await new Terminal().run("check", urlOf(server), "--record", path)).toBe(0);
  const transcript = await readFile(path, "utf8");
  expect(transcript).not.toContain("\x1b");
  await using replay = await Pop3Server.replay(transcript);
  const socket = connect(replay.port, "127.0.0.1");
  const octets: Buffer[] = [];
  for await (const piece of socket) {
    octets.push(piece as Buffer);
    if (Buffer.concat(octets).includes("\n")) break;
  }
  expect(Buffer.concat(octets)).toEqual(greeting);
});

test("an existing file is not overwritten", async () => {
  await using server = await annsServer();
  const path = join(await newDirectory(), "session.txt");
  await writeFile(path, "mine");
  expect(await new Terminal().run("check", urlOf(server), "--record", path)).toBe(73);
  expect(await readFile(path, "utf8")).toBe("mine");
});
