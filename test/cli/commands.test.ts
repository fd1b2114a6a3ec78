// The command line: help, wrong usage, secrets, and the output of `list`, `get` and `serve`.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/command-list.ts";
import { helpText } from "../../src/cli/help-text.ts";
import { secretFrom } from "../../src/cli/secret.ts";
import { Pop3Client } from "../../src/index.ts";
import type { Fault } from "../../src/testing/index.ts";
import { masked } from "../../src/cli/io.ts";
import { annsServer, MESSAGES, urlOf } from "./ann.ts";
import { newDirectory } from "../support/place.ts";
import { lineOf } from "./program.ts";
import { Terminal } from "./terminal.ts";

describe("help", () => {
  test.each(COMMANDS)("$name: every option is told", async ({ name, help, options }) => {
    const text = helpText(help);
    for (const option of Object.keys(options)) expect(text).toMatch(new RegExp(`--${option}\\b`));
    const told = [...text.matchAll(/--([a-z][a-z-]+)/g)].map(([, option]) => option);
    // Every command takes --help. The help of `login` names the option of the others.
    expect([...Object.keys(options), "help", "login"]).toEqual(expect.arrayContaining([...new Set(told)]));
    for (const words of [
      [name, "--help"],
      [name, "-h"],
      ["help", name],
    ]) {
      const terminal = new Terminal();
      expect(await terminal.run(...words)).toBe(0);
      expect(terminal.out).toBe(text);
    }
  });

  test("the help lists all commands, and --version prints the version", async () => {
    const terminal = new Terminal();
    expect(await terminal.run("--help")).toBe(0);
    for (const { name, summary } of COMMANDS) expect(terminal.words).toContain(`${name} ${summary}`);
    for (const word of ["version", "--version", "-V", "-v"]) {
      const version = new Terminal();
      expect(await version.run(word)).toBe(0);
      expect(version.out).toBe("1.2.3\n");
    }
  });
});

describe("a wrong command line", () => {
  const URL = "pop3s://ann@pop.example.com";
  test.each([
    [[], "COMMAND"],
    [["lsit"], 'unknown command "lsit": did you mean list?'],
    [["help", "chekc"], 'unknown command "chekc": did you mean check?'],
    [["--json", "list"], "options come after the name of the command"],
    [[URL], "a command comes before the URL, as in `popwright list URL`"],
    [["list"], "URL is missing: it must look like pop3s://USER@HOST"],
    [["list", URL, "--ca"], "--ca needs a value: write --ca VALUE"],
    [["list", URL, "--json=yes"], "--json takes no value: write --json alone"],
    [["list", URL, "--pasword-file", "x"], "unknown option --pasword-file: did you mean --password-file?"],
    [["list", URL, "-x"], "unknown option -x"],
    [["show", URL, "-1"], "-1 looks like an option: the numbers here begin with 1"],
    [["list", "pop3s://ann@pop.example.com:99999"], "with a port up to 65535"],
    [["fetch", URL, "--to", "gmail:"], "--to needs an address after gmail:, as in gmail:ann@gmail.com"],
    [["fetch", URL, "--to", "gmail:ann"], "--to needs an address after gmail:"],
    [["fetch", URL, "--to", "gmail:%zz"], "--to needs an address after gmail:"],
    [
      ["list", URL, "--ca", "~bob/ca.pem"],
      "does not know the home directory in ~bob/ca.pem: write the whole path",
    ],
    [
      ["list", URL, "--password-file", "x", "--password-command", "y"],
      "--password-command and --password-file cannot be combined: both say where the secret is. Remove one",
    ],
    [["fetch", URL, "--to", "~bob/Mail"], "does not know the home directory in ~bob/Mail"],
    [["list", URL, "more"], 'unexpected argument "more"'],
    [["list", URL, "--no-such"], "unknown option --no-such"],
    [["list", "pop.example.com"], "this is not a URL"],
    [["list", "http://pop.example.com"], "must begin with pop3s://"],
    [["list", "pop3://pop.example.com?stls=perhaps"], "stls must be"],
    [["list", "pop3s://ann:hidden@pop.example.com"], "must not contain a password"],
    [["check", "ann:hidden@pop.example.com"], "this is not a URL"],
    [["pop3s://ann:hidden@pop.example.com"], "unknown command [not shown: it may contain a password]"],
    [["list", URL, "ann:hidden@pop.example.com"], "unexpected argument [not shown"],
    [["check", "pop3s//ann:hidden@pop.example.com"], "this is not a URL"],
    [["check", "pop3s://ann:hidden@pop example.com"], ""],
    [["get", URL], "MESSAGE is missing: it must be a message number, or uid:UNIQUE-ID"],
    [["get", URL, "0"], 'MESSAGE must be a whole number >= 1 (got "0")'],
    [["get", URL, "1", "--top", "x"], "--top must be a whole number >= 0"],
    [["fetch", URL], "--to is missing"],
    [["fetch", URL, "--to", ""], "--to is missing"],
    [["fetch", "pop3s://pop.example.com", "--to", "x"], "the URL must name a user"],
    [
      ["fetch", URL, "--to", "x", "--format", "zip"],
      '--format must be maildir, eml, mbox or webhook (got "zip")',
    ],
    [
      ["fetch", URL, "--to", "x", "--delete", "soon"],
      '--delete must be never, delivered or a time such as 14d or 36h (got "soon")',
    ],
    [["fetch", URL, "--to", "x", "--first-run", "some"], "--first-run must be all, none or a whole number"],
    [["fetch", URL, "--to", "x", "--max-size", "10 MB"], "--max-size must be a number of bytes"],
    [["fetch", URL, "--to", "x", "--messages", "0"], "--messages must be a whole number >= 1"],
    [["fetch", "--config", "x", "--to", "y"], "--to cannot be combined with --config"],
    [["fetch", "--config", "x", URL], "unexpected argument"],
    [["serve", "--port", "70000"], "--port must be a number <= 65535 (got 70000)"],
    [["serve", "/no/such/directory"], "cannot read the directory /no/such/directory"],
  ])("%j", async (words, told) => {
    const terminal = new Terminal();
    expect(await terminal.run(...words)).toBe(64);
    expect(terminal.words).toContain(told);
    expect(terminal.words).not.toContain("hidden");
    expect(terminal.out).toBe("");
    // The last sentence says what to do.
    expect(terminal.words).toMatch(
      /Run `popwright (?:\w+ )?--help` for usage|Run `popwright COMMAND --help`/,
    );
  });

  test("an unknown mechanism is rejected before connecting", async () => {
    await using server = await annsServer();
    for (const words of [["check"], ["list"], ["fetch", "--to", join(await newDirectory(), "Mail")]]) {
      const terminal = new Terminal();
      expect(await terminal.run(...words, urlOf(server), "--mechanism", "PLAINEST")).toBe(64);
      expect(terminal.words).toContain('unknown mechanism "PLAINEST"');
    }
    expect(server.connections).toBe(0);
  });

  test("a missing file with certificates is a configuration error", async () => {
    const terminal = new Terminal();
    expect(await terminal.run("list", URL, "--ca", "/no/such/file")).toBe(78);
    expect(terminal.words).toContain("cannot read the certificates in /no/such/file");
  });
});

describe("the secret", () => {
  test("is the first line that a command prints", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    delete terminal.env["POPWRIGHT_PASSWORD"];
    const command = await lineOf('process.stdout.write("secret\\r\\nnot this\\n")');
    expect(await terminal.run("list", urlOf(server), "--password-command", command)).toBe(0);
  });

  test.each([
    ["process.exitCode = 1", "must print the secret: it failed with exit code 1"],
    ["", "must print the secret: its first line is empty"],
    // Its standard input ends immediately.
    ["process.stdin.pipe(process.stdout)", "its first line is empty"],
    [undefined, "ENOENT"],
  ])("is missing if the command fails or prints nothing: %s", async (text, words) => {
    const command = text === undefined ? "/no/such/program x" : await lineOf(text);
    await using server = await annsServer();
    const terminal = new Terminal();
    expect(await terminal.run("list", urlOf(server), "--password-command", command)).toBe(78);
    expect(terminal.words).toContain(words);
    const state = await newDirectory();
    const fetching = [urlOf(server), "--to", join(state, "Mail"), "--state", state];
    expect(await terminal.run("fetch", ...fetching, "--password-command", command)).toBe(78);
  });

  test("is a token if there is one", async () => {
    const users = { ann: { accessToken: "token-1", messages: MESSAGES } };
    await using server = await annsServer({ users, sasl: ["OAUTHBEARER"], user: false, apop: false });
    const terminal = new Terminal();
    terminal.env["POPWRIGHT_TOKEN"] = "token-1";
    expect(await terminal.run("list", urlOf(server), "--mechanism", "OAUTHBEARER")).toBe(0);
  });

  test("must be set if there is no terminal", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    delete terminal.env["POPWRIGHT_PASSWORD"];
    expect(await terminal.run("list", urlOf(server))).toBe(64);
    expect(terminal.words).toContain("the password of ann is missing: set POPWRIGHT_PASSWORD");
  });

  test("is entered at a prompt and not shown", async () => {
    await using server = await annsServer();
    const terminal = atTheTerminal();
    terminal.heard = (text) => {
      if (text === "password of ann: ") terminal.stdin.write("secret\n");
    };
    expect(await terminal.run("list", urlOf(server))).toBe(0);
    expect(terminal.err).toBe("password of ann: \n2 messages, 52 B\n");
  });

  test("is requested again if nothing was entered", async () => {
    const terminal = atTheTerminal();
    const answers = ["\x04", "secret\n", "not this\n"];
    terminal.heard = (text) => {
      if (text.endsWith(": ")) terminal.stdin.write(answers.shift());
    };
    const secret = secretFrom({ variable: "POPWRIGHT_PASSWORD" }, "password of ann", masked(terminal.io));
    await expect(secret()).rejects.toThrow("nothing was entered");
    expect(await secret()).toBe("secret");
    // After an answer there is no second prompt.
    expect(await secret()).toBe("secret");
    expect(terminal.err).toBe("password of ann: \n".repeat(2));
  });

  test("is missing if the input ends", async () => {
    await using server = await annsServer();
    const terminal = atTheTerminal();
    terminal.heard = (text) => {
      if (text.endsWith(": ")) terminal.stdin.end();
    };
    expect(await terminal.run("list", urlOf(server))).toBe(64);
    expect(terminal.words).toContain("nothing was entered at the prompt");
  });

  test.each(["list", "check", "fetch"])(
    "Ctrl+C at the prompt ends %s with exit code 130 and no words",
    async (name) => {
      await using server = await annsServer();
      const terminal = atTheTerminal();
      terminal.heard = (text) => {
        if (text.endsWith(": ")) terminal.stdin.write("\x03");
      };
      const state = await newDirectory();
      const more = name === "fetch" ? ["--to", join(state, "Mail"), "--state", state] : [];
      expect(await terminal.run(name, urlOf(server), ...more)).toBe(130);
      expect(terminal.err).toBe("password of ann: \n");
    },
  );

  test.each(["secret\n", "secret", "\ufeffsecret\r\nnot this\n"])(
    "is the first line of a file, or of standard input: %j",
    async (text) => {
      await using server = await annsServer();
      const path = join(await newDirectory(), "password");
      await writeFile(path, text);
      const terminal = new Terminal();
      terminal.env["POPWRIGHT_PASSWORD"] = "another";
      terminal.env["POPWRIGHT_TOKEN"] = "another";
      expect(await terminal.run("list", urlOf(server), "--password-file", path)).toBe(0);
      terminal.stdin.end(text);
      expect(await terminal.run("list", urlOf(server), "--password-file", "-")).toBe(0);
    },
  );

  test("a file that is missing or empty is a configuration error", async () => {
    await using server = await annsServer();
    const directory = await newDirectory();
    await writeFile(join(directory, "empty"), "\nsecret\n");
    const terminal = new Terminal();
    const words = ["list", urlOf(server), "--password-file"];
    expect(await terminal.run(...words, join(directory, "none"))).toBe(78);
    expect(terminal.words).toMatch(/cannot read the password of ann in \S*none: ENOENT/);
    expect(await terminal.run(...words, join(directory, "empty"))).toBe(78);
    expect(terminal.words).toContain("must have the password of ann in its first line, which is empty");
    terminal.stdin.end();
    expect(await terminal.run(...words, "-")).toBe(78);
    expect(terminal.words).toContain("standard input must have the password of ann in its first line");
    expect(terminal.words).not.toContain("secret");
  });

  test("what the command writes to its standard error is shown", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    const command = await lineOf('console.error("no such entry"); process.exitCode = 2');
    expect(await terminal.run("list", urlOf(server), "--password-command", command)).toBe(78);
    expect(terminal.words).toMatch(/^ ?no such entry popwright: the command \S+ must print the secret/);
  });
});

function atTheTerminal(): Terminal {
  const terminal = new Terminal();
  delete terminal.env["POPWRIGHT_PASSWORD"];
  terminal.columns = 80;
  terminal.stdin.isTTY = true;
  return terminal;
}

describe("list", () => {
  test("a malformed line hides no message and is reported on stderr", async () => {
    await using server = await annsServer({
      faults: [
        { on: "LIST", reply: "+OK\r\n1 22\r\n2 -1\r\n.\r\n" },
        { on: "UIDL", reply: "+OK\r\n1 a b\r\n2 c\r\n.\r\n" },
      ],
    });
    const terminal = new Terminal();
    expect(await terminal.run("list", urlOf(server), "--uids")).toBe(0);
    expect(terminal.out).toBe("1  22  -\n2   -  c\n");
    expect(terminal.err).toContain('LIST has a malformed line, "2 -1"');
    expect(terminal.err).toContain('UIDL has a malformed line, "1 a b"');
  });

  test.each(["--uids", "-u"])("%s prints columns to stdout and the sum to stderr", async (option) => {
    await using server = await annsServer();
    const terminal = new Terminal();
    expect(await terminal.run("list", urlOf(server), option)).toBe(0);
    expect(terminal.out).toBe("1  22  uid-1\n2  30  uid-2\n");
    expect(terminal.err).toBe("2 messages, 52 B\n");
  });

  test("prints JSON for a server without unique-ids", async () => {
    await using server = await annsServer({ uidl: false });
    const terminal = new Terminal();
    expect(await terminal.run("list", urlOf(server), "--json")).toBe(0);
    expect(terminal.json).toEqual([
      { number: 1, size: 22, subject: "one" },
      { number: 2, size: 30, subject: "two" },
    ]);
  });

  test("explains a refusal", async () => {
    const users = { ann: { pass: "secret", refusal: "[IN-USE] locked" } };
    await using server = await annsServer({ users });
    const terminal = new Terminal();
    expect(await terminal.run("list", urlOf(server))).toBe(75);
    expect(terminal.words).toContain("Another session uses the mailbox.");
    expect(terminal.words).not.toContain("secret");
  });

  test("a reader that closes the pipe ends the command without an error", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    terminal.unread = true;
    expect(await terminal.run("list", urlOf(server))).toBe(0);
    expect(terminal.err).toBe("");
  });
});

describe("get", () => {
  const LONG = { ann: { pass: "secret", messages: [`Subject: long\r\n\r\n${"line\r\n".repeat(20_000)}`] } };

  test("writes the message octet for octet to stdout", async () => {
    await using server = await annsServer();
    for (const name of ["2", "uid:uid-2"]) {
      const terminal = new Terminal();
      expect(await terminal.run("get", urlOf(server), name)).toBe(0);
      expect(terminal.octets.equals(MESSAGES[1] as Buffer)).toBe(true);
      expect(terminal.err).toBe("");
    }
  });

  test("writes the message to a new file", async () => {
    await using server = await annsServer();
    const path = join(await newDirectory(), "message.eml");
    const terminal = new Terminal();
    expect(await terminal.run("get", urlOf(server), "2", "--output", path)).toBe(0);
    expect(terminal.out).toBe("");
    expect((await readFile(path)).equals(MESSAGES[1] as Buffer)).toBe(true);
    expect(await terminal.run("get", urlOf(server), "1", "--output", path)).toBe(73);
    expect(terminal.words).toContain("EEXIST");
    expect((await readFile(path)).equals(MESSAGES[1] as Buffer)).toBe(true);
  });

  test.each<[string, Fault]>([
    ["the connection is cut", { on: "RETR", close: 100 }],
    ["the server says no", { on: "RETR", reply: "-ERR not now\r\n" }],
  ])("leaves no partial file and keeps an existing one: %s", async (_, fault) => {
    await using server = await annsServer({ faults: [{ ...fault, nth: "every" }], users: LONG });
    const directory = await newDirectory();
    const [path, mine] = [join(directory, "message.eml"), join(directory, "mine")];
    await writeFile(mine, "mine");
    const words = ["get", urlOf(server), "1", "--output"];
    expect(await new Terminal().run(...words, path)).toBe(69);
    expect(await readdir(directory)).toEqual(["mine"]);
    expect(await new Terminal().run(...words, mine)).toBe(73);
    expect(await readFile(mine, "utf8")).toBe("mine");
  });

  test("a signal ends get", async () => {
    const fault: Fault = { on: "RETR", nth: "every", stall: 50_000 };
    await using server = await annsServer({ faults: [fault], users: LONG });
    const terminal = new Terminal();
    terminal.told = () => {
      terminal.signal.abort();
    };
    expect(await terminal.run("get", urlOf(server), "1")).toBe(75);
    expect(terminal.octets.length).toBeLessThan(50_000);
  });

  test("--top 0 writes only the headers", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    expect(await terminal.run("get", urlOf(server), "1", "--top", "0")).toBe(0);
    expect(terminal.out).toBe("Subject: one\r\n\r\n");
  });

  test("explains that a message does not exist", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    expect(await terminal.run("get", urlOf(server), "3")).toBe(66);
    expect(terminal.words).toContain("there is no message 3: the mailbox has 2 messages");
    expect(await terminal.run("get", urlOf(server), "99", "--top", "0")).toBe(66);
    expect(await terminal.run("get", urlOf(server), "uid:none")).toBe(66);
    expect(terminal.words).toContain("no message has the unique-id none");
    const file = join(await newDirectory(), "message.eml");
    expect(await terminal.run("get", urlOf(server), "3", "--output", file)).toBe(66);
    await expect(readFile(file)).rejects.toThrow("ENOENT");
  });

  test("a message that the server refuses for another reason exists", async () => {
    await using server = await annsServer({ faults: [{ on: "RETR", reply: "-ERR cannot read it\r\n" }] });
    const terminal = new Terminal();
    expect(await terminal.run("get", urlOf(server), "2")).toBe(69);
    expect(terminal.words).toContain("cannot read it");
  });
});

describe("serve", () => {
  test("serves the messages of a directory until a signal", async () => {
    const directory = await newDirectory();
    await mkdir(join(directory, "new"));
    await writeFile(join(directory, "new", "1.mail"), "Subject: b\r\n\r\n");
    await writeFile(join(directory, "a.eml"), "Subject: a\r\n\r\n");
    await writeFile(join(directory, "other.txt"), "no message");
    const terminal = new Terminal();
    const { url, code } = await serving(terminal, "serve", directory, "--user", "ann b", "--json");
    await using client = await Pop3Client.connect({ ...parse(url), auth: { user: "ann b", pass: "secret" } });
    expect((await client.retr(1)).toString()).toBe("Subject: a\r\n\r\n");
    expect((await client.stat()).count).toBe(2);
    await client.quit();
    terminal.signal.abort();
    expect(await code).toBe(0);
    expect(terminal.err).toBe("");
  });

  test("--tls writes a certificate, and a random password is printed", async () => {
    const ca = join(await newDirectory(), "ca.pem");
    const terminal = new Terminal();
    delete terminal.env["POPWRIGHT_PASSWORD"];
    const { url, code } = await serving(terminal, "serve", "--tls", "--ca", ca, "--json");
    const pass = /^password: (\S+)$/m.exec(terminal.err)?.[1] ?? "";
    const client = new Terminal();
    client.env["POPWRIGHT_PASSWORD"] = pass;
    expect(await client.run("list", url, "--ca", ca)).toBe(0);
    terminal.signal.abort();
    expect(await code).toBe(0);
  });

  test("explains a port that is in use", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    expect(await terminal.run("serve", "--port", String(server.port))).toBe(69);
    expect(terminal.words).toContain("EADDRINUSE");
  });

  async function serving(
    terminal: Terminal,
    ...words: string[]
  ): Promise<{ url: string; code: Promise<number> }> {
    const written = new Promise<void>((resolve) => {
      terminal.told = () => {
        resolve();
      };
    });
    const code = terminal.run(...words);
    await Promise.race([written, code]);
    // The password is printed after it, in the same turn.
    await new Promise((resolve) => setImmediate(resolve));
    return { url: String(terminal.json[0]?.["url"]), code };
  }

  function parse(url: string): { host: string; port: number; secure: false; stls: "never" } {
    const { hostname, port } = new URL(url);
    return { host: hostname, port: Number(port), secure: false, stls: "never" };
  }
});
