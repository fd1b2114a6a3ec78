// What every command and every help prints on terminals of 40, 80 and 120 columns: nothing is wider than the terminal.
import { mkdir, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/command-list.ts";
import { FileLedger, type LedgerEntry } from "../../src/fetch/index.ts";
import type { Pop3Server } from "../../src/testing/index.ts";
import { newDirectory } from "../support/place.ts";
import { annsServer, MESSAGES, urlOf } from "./ann.ts";
import { capture } from "./capture.ts";
import { provider, terminalIn, visit } from "./login.ts";
import { Terminal } from "./terminal.ts";

const LONG_UID = "0000000a4b2c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819";

let server: Pop3Server;
let home: string;

// Paths that are printed are relative: the name of a temporary directory would change how lines are wrapped.
beforeEach(async () => {
  home = process.cwd();
  process.chdir(await newDirectory());
  server = await annsServer({
    users: { ann: { pass: "secret", messages: MESSAGES, uids: ["uid-1", LONG_UID] } },
  });
});

afterEach(async () => {
  process.chdir(home);
  await server.close();
});

function terminalOf(columns: number): Terminal {
  const terminal = new Terminal();
  terminal.columns = columns;
  terminal.env["XDG_STATE_HOME"] = "home";
  return terminal;
}

/** The lines that are wider than the terminal, although they have more than one word. */
function tooWide({ out, err, columns = 0 }: Terminal): string[] {
  return (
    `${out}\n${err}`
      // A bar is drawn over the one before.
      .split(/\r\x1b\[K|\n/)
      .filter((line) => line.length > columns && !/^ *\S+(?: \\)?$/.test(line))
  );
}

/** What a terminal shows at the end, without bars, and without what differs from run to run. */
function shown(terminal: Terminal): string {
  return capture(terminal)
    .replace(/[^\n]*\r\x1b\[K/g, "")
    .replace(/\b\d{4}-\d\d-\d\d\b/g, "2026-00-00")
    .replace(/\bhttp:\/\/\S+/g, "http://ADDRESS");
}

const FAILED: LedgerEntry = {
  id: "uid-1",
  status: "quarantined",
  firstSeen: 1,
  tries: 5,
  failures: 5,
  reason: "the handler of the tickets cannot read messages without a sender",
  failedAt: 1_760_000_000_000,
};

async function remember(directory: string, mailbox: string, ...entries: LedgerEntry[]): Promise<void> {
  const held = await new FileLedger(directory).open(mailbox);
  await held.record({ entries, state: { lastRun: 1_760_000_000_000 } });
  await held.close();
}

describe.each([40, 80, 120])("at %s columns", (columns) => {
  test("every help", async () => {
    let captured = "";
    for (const words of [["--help"], ...COMMANDS.map(({ name }) => [name, "--help"])]) {
      const terminal = terminalOf(columns);
      expect(await terminal.run(...words)).toBe(0);
      expect(tooWide(terminal), words.join(" ")).toEqual([]);
      captured += `$ popwright ${words.join(" ")}\n${terminal.out}\n`;
    }
    await expect(captured).toMatchFileSnapshot(`captures/help-${String(columns)}.txt`);
  });

  test("every command", async () => {
    const url = urlOf(server);
    const here = `ann@127.0.0.1:${String(server.port)}`;
    await remember("old", "ann@pop.old.example:995", FAILED);
    await remember("poison", here, FAILED);
    await mkdir("mails");
    let captured = "";
    const run = async (words: string, env: Record<string, string> = {}): Promise<void> => {
      const terminal = terminalOf(columns);
      Object.assign(terminal.env, env);
      if (words.startsWith("serve"))
        terminal.told = () => {
          terminal.signal.abort();
        };
      await terminal.run(...words.replace("URL", url).split(" "));
      expect(tooWide(terminal), words).toEqual([]);
      captured += `$ popwright ${words}\n${shown(terminal)}\n`;
    };
    await run("version");
    await run("check URL");
    await run("check URL", { POPWRIGHT_PASSWORD: "wrong" });
    await run("list URL");
    await run("list URL --uids");
    await run("show URL 1");
    await run("get URL 1 --output one.eml");
    await run("get URL 1");
    await run("get URL 9 --output nine.eml");
    await run("fetch URL --dry-run --delete 14 --state state");
    await run("fetch URL --to Mail --state state");
    await run("fetch URL --to Mail --state state");
    await run("fetch URL --to Mail --state old");
    await run("fetch URL --to Mail --state poison");
    await run("fetch URL --to Mail --state state", { POPWRIGHT_PASSWORD: "wrong" });
    await run("fetch URL --to lmtp://127.0.0.1:1/ann@example.com --state new");
    await run("fetch URL --to Mail --delete soon");
    await run("ledger --state poison");
    await run("retry URL --state poison");
    await run("retry URL --state poison");
    await run("ledger rename ann@pop.old.example:995 pop3s://ann@pop.new.example --state old");
    await run("ledger delete ann@pop.new.example:995 --state old");
    await run("ledger --state none");
    await run("serve mails");
    await run("lsit");
    await run("list URL --pasword-file x");
    await run("completion fish");
    await expect(captured).toMatchFileSnapshot(`captures/commands-${String(columns)}.txt`);
  });

  test("login", async () => {
    await using google = await provider();
    const terminal = terminalIn("home");
    terminal.columns = columns;
    let visited: Promise<string> | undefined;
    terminal.told = () => {
      visited ??= visit(terminal.out.trim());
    };
    const words = ["google", "ann@gmail.com", "--authority", google.url, "--no-browser"];
    expect(await terminal.run("login", ...words)).toBe(0);
    await visited;
    expect(tooWide(terminal)).toEqual([]);
    await expect(shown(terminal)).toMatchFileSnapshot(`captures/login-${String(columns)}.txt`);
  });

  test("a check of a configuration, with the paths of this machine", async () => {
    const accounts = ["ann", "bob"].map((name) => ({
      name,
      url: urlOf(server, name),
      to: { maildir: "Mail" },
    }));
    await writeFile("mail.json", JSON.stringify({ accounts }));
    const terminal = terminalOf(columns);
    expect(await terminal.run("check", "--config", "mail.json")).toBe(1);
    expect(terminal.out).toContain(": as above");
    expect(tooWide(terminal)).toEqual([]);
  });
});
