// The short examples run as they are, each in a process, against the embedded server.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Pop3Server } from "../../src/testing/index.ts";
import { ProxyServer, tunnelTo } from "../support/proxy-server.ts";

const root = join(import.meta.dirname, "../..");
const ATTACHMENT = [
  "From: bob@example.com",
  "Subject: two",
  'Content-Type: multipart/mixed; boundary="b"',
  "",
  "--b",
  "",
  "See the file.",
  "--b",
  'Content-Type: application/octet-stream; name="../../notes.txt"',
  "Content-Transfer-Encoding: base64",
  'Content-Disposition: attachment; filename="../../notes.txt"',
  "",
  "aGVsbG8=",
  "--b--",
  "",
].join("\r\n");
const MESSAGES = ["From: ann@example.com\r\nSubject: one\r\n\r\n.1\r\n", ATTACHMENT];

let folder: string;
let server: Pop3Server;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "popwright-examples-"));
  server = await Pop3Server.listen({
    users: { ann: { pass: "secret", messages: MESSAGES, uids: ["uid-1", "uid-2"] } },
    tls: true,
  });
  await writeFile(join(folder, "ca.pem"), server.ca);
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

interface Run {
  /** Variables of the environment, in addition to POP3_URL. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the system trusts the certificate of the server. @default true */
  readonly trusted?: boolean;
  /** Sends SIGTERM when the output, or what it writes to standard error, has this. */
  readonly until?: string;
}

/** Runs an example in the folder, and returns what it prints. */
async function run(args: readonly string[], { env, trusted = true, until }: Run = {}): Promise<string> {
  const [example = "", ...rest] = args;
  const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;
  const child = spawn(process.execPath, ["--import", tsx, join(root, "examples", example), ...rest], {
    cwd: folder,
    env: {
      ...process.env,
      TSX_TSCONFIG_PATH: join(root, "tsconfig.json"),
      POP3_URL: `pop3s://ann:secret@${server.host}:${server.port}`,
      ...(trusted && { NODE_EXTRA_CA_CERTS: join(folder, "ca.pem") }),
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 150_000,
  });
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      printed[name] += chunk;
      // Once: a second signal would end it at once.
      if (until !== undefined && printed[name].includes(until) && !child.killed) child.kill("SIGTERM");
    });
  const code = await new Promise((resolve) => child.once("close", resolve));
  const { stdout, stderr } = printed;
  expect(code, stderr).toBe(0);
  await server.idle();
  return stdout;
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const left = (): number => server.maildrop("ann").messages.length;

test("newest.ts prints the newest messages, and retrieves no other", async () => {
  expect(await run(["newest.ts"])).toBe("ann@example.com: one\nbob@example.com: two\n");
  expect(await run(["newest.ts", "1"])).toBe("bob@example.com: two\n");
  expect(left()).toBe(2);
});

test("delete-by-uid.ts deletes what it is told to, and nothing else", async () => {
  expect(await run(["delete-by-uid.ts", "uid-1", "uid-9"])).toBe(
    "uid-1 deleted: one\nuid-9 not on the server\n",
  );
  expect(server.maildrop("ann").messages.map(({ uid }) => uid)).toEqual(["uid-2"]);
});

test("save-then-delete.ts saves the message byte for byte, and deletes it and no other", async () => {
  const file = `${sha256(ATTACHMENT)}.eml`;
  expect(await run(["save-then-delete.ts", "uid-2"])).toBe(`uid-2 deleted, saved as ${file}\n`);
  expect(await readFile(join(folder, file), "utf8")).toBe(ATTACHMENT);
  expect((await readdir(folder)).sort()).toEqual([file, "ca.pem"].sort());
  expect(server.maildrop("ann").messages.map(({ uid }) => uid)).toEqual(["uid-1"]);
  expect(await run(["save-then-delete.ts", "uid-2"])).toBe("uid-2 is not on the server\n");
});

test("stream-to-disk.ts writes the message byte for byte", async () => {
  await run(["stream-to-disk.ts", "1", "one.eml"]);
  expect(await readFile(join(folder, "one.eml"), "utf8")).toBe(MESSAGES[0]);
  expect((await readdir(folder)).sort()).toEqual(["ca.pem", "one.eml"]);
});

test("stream-to-disk.ts gives up after the time limit, and leaves no part of the message", async () => {
  server.fault({ on: "RETR", stall: 20 });
  const env = { SECONDS: "1" };
  await expect(run(["stream-to-disk.ts", "1", "one.eml"], { env })).rejects.toThrow("POP3_ABORTED");
  expect(await readdir(folder)).toEqual(["ca.pem"]);
});

test("attachments.ts writes only into its folder, and the same files in a second run", async () => {
  const name = `${sha256(ATTACHMENT).slice(0, 16)}-1-_.._notes.txt`;
  for (let nth = 1; nth <= 2; nth++) {
    expect(await run(["attachments.ts", "out"])).toBe(`${name} 5\n`);
    expect(await readdir(join(folder, "out"))).toEqual([name]);
  }
  expect(await readFile(join(folder, "out", name), "utf8")).toBe("hello");
  expect(left()).toBe(2);
});

test("new-mail.ts handles each message once, and ends on SIGTERM", async () => {
  const printed = await run(["new-mail.ts"], { until: "new: two" });
  expect(printed.replaceAll(/ \([0-9a-f]{8}\)$/gm, "")).toBe("new: one\nnew: two\nstopped\n");
  expect(left()).toBe(2);
});

test("new-mail.ts says why no mail comes, and continues", async () => {
  server.fault({ on: "UIDL", reply: "-ERR [SYS/TEMP] the index is damaged\r\n" });
  expect(await run(["new-mail.ts"], { until: "no mail now: POP3_REFUSED: " })).toBe("stopped\n");
});

test("private-ca.ts trusts the certificate in a file", async () => {
  const env = { CA_FILE: join(folder, "ca.pem") };
  expect(await run(["private-ca.ts"], { env, trusted: false })).toBe("TLSv1.3 2 messages\n");
});

test("proxy.ts connects through the proxy", async () => {
  await using proxy = await ProxyServer.listen(tunnelTo(server.port));
  const env = { PROXY_URL: `http://127.0.0.1:${proxy.port}` };
  expect(await run(["proxy.ts"], { env })).toBe("2 messages\n");
});

test("migrate-from-node-pop3.ts reads the messages in both ways", async () => {
  const env = {
    POP3_HOST: server.host,
    POP3_PORT: String(server.port),
    POP3_USER: "ann",
    POP3_PASS: "secret",
  };
  const lines = MESSAGES.map((message, index) => `uid-${index + 1} ${message.length}\n`).join("");
  expect(await run(["migrate-from-node-pop3.ts"], { env })).toBe(lines + lines);
});
