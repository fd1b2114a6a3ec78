// The programs of node-pop3's README run with node-pop3 and with the drop-in: only the name of the import differs.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Pop3Server } from "../../src/testing/index.ts";

const root = join(import.meta.dirname, "../..");
const THEIRS = join(root, "node_modules/node-pop3");
const USER = "example@example.com";
const HEADERS = "Return-Path: <brett@example.com>\r\nSubject: one\r\n";

let folder: string;
let server: Pop3Server;
/** The blocks of code of the README, in order. */
let blocks: string[];

beforeAll(async () => {
  const readme = await readFile(join(THEIRS, "README.md"), "utf8");
  blocks = [...readme.matchAll(/^```js\n([^]*?)^```/gm)].map(([, code = ""]) => code);
  expect(blocks).toHaveLength(4);
  folder = await mkdtemp(join(tmpdir(), "popwright-node-pop3-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  const messages = [`${HEADERS}\r\nHello.\r\n`, "Subject: two\r\n\r\nBye.\r\n"];
  server = await Pop3Server.listen({
    users: { [USER]: { pass: "example", messages, uids: ["ZC0113-H8wi_YChVab4F0QTbwP4B6i", "ZC0114"] } },
    apop: false,
  });
});
afterEach(() => server.close());

/** Runs a program with the server of the test in place of the example's. `entry` is imported in place of node-pop3. */
async function run(program: string, entry: string): Promise<string> {
  const file = join(folder, "program.mts");
  const place = `host: "${server.host}", port: ${server.port}, tlsOptions: { ca: ${JSON.stringify(server.ca)} }`;
  const code = program
    .replace(/^import .*$/m, (line) => line.replace("'node-pop3'", JSON.stringify(pathToFileURL(entry).href)))
    .replace(/host: 'pop3.example.com'/, () => place);
  await writeFile(file, code);
  const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", tsx, file], {
    timeout: 150_000,
  });
  return stdout;
}

const withTheirs = (program: string): Promise<string> => run(program, join(THEIRS, "src/Command.js"));
const withOurs = (program: string): Promise<string> => run(program, join(root, "src/node-pop3/index.ts"));

const [IMPORT, CONNECT] = [/^import .*$/m, /^const pop3 = new[^]*?^\}\);$/m];
const part = (code: string, pattern: RegExp): string => pattern.exec(code)?.[0] ?? "";

describe("the programs of the README print the same with both", () => {
  test("fetch mail by msgNum", async () => {
    const program = `${blocks[1]}\nconsole.log(JSON.stringify(str));`;
    const [theirs, ours] = [await withTheirs(program), await withOurs(program)];
    expect(JSON.parse(ours)).toBe(`${HEADERS}\r\nHello.\r\n`);
    // They drop the end of the last line.
    expect(JSON.parse(theirs)).toBe(`${HEADERS}\r\nHello.`);
  });

  test("list msgNum to uid in server", async () => {
    const head = [part(blocks[1] ?? "", IMPORT), part(blocks[1] ?? "", CONNECT)].join("\n");
    const program = `${head}\n${blocks[2]}\nawait pop3.QUIT();`;
    const ours = await withOurs(program);
    expect(ours).toBe("[ [ '1', 'ZC0113-H8wi_YChVab4F0QTbwP4B6i' ], [ '2', 'ZC0114' ] ]\n");
    expect(ours).toBe(await withTheirs(program));
  });

  test("the commands by hand, with a stream that is read after QUIT", async () => {
    const program = `${part(blocks[1] ?? "", IMPORT)}\n${blocks[3]}`;
    const [theirs, ours] = [await withTheirs(program), await withOurs(program)];
    expect(ours).toContain("octets");
    // Of the message itself the last line break is missing there.
    expect(ours).toBe(theirs.replace("Hello.\n", "Hello.\r\n\n"));
  });
});

test("the README's require returns the class", async () => {
  expect(blocks[0]).toBe("const Pop3Command = require('node-pop3');\n");
  const { default: Ours } = await import("../../src/node-pop3/index.ts");
  const { default: Theirs } = (await import(pathToFileURL(join(THEIRS, "src/Command.js")).href)) as {
    default: typeof Ours;
  };
  const members = (value: object): string[] =>
    Object.getOwnPropertyNames(value).filter((name) => name !== "constructor");
  // All that node-pop3 has is here. test/package shows what `require` returns.
  expect(members(Ours.prototype)).toEqual(expect.arrayContaining(members(Theirs.prototype)));
  expect(typeof Ours.listify).toBe(typeof Theirs.listify);
  expect(typeof Ours.stream2String).toBe(typeof Theirs.stream2String);
  expect(Ours.prototype).toHaveProperty("connect");
  expect(Ours.prototype).toHaveProperty("command");
});
