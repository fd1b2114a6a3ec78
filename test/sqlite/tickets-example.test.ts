// examples/tickets-sqlite.ts runs as it is, in a process, against the embedded server.
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { Pop3Server } from "popwright/testing";
import { HAS_NODE_SQLITE } from "../better-sqlite3/install.ts";
import { scratch } from "../support/scratch.ts";
import { openDatabase } from "./stores.ts";

const root = join(import.meta.dirname, "../..");
const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;

/** On Node 20 the example would be given a database of better-sqlite3: here it finds one where node:sqlite would be. */
const IN_PLACE_OF_NODE_SQLITE = `
import { createRequire } from "node:module";
const require = createRequire(${JSON.stringify(join(root, "test/better-sqlite3/install.ts"))});
const builtin = process.getBuiltinModule;
process.getBuiltinModule = (name) =>
  name === "node:sqlite" ? { DatabaseSync: require("better-sqlite3") } : builtin(name);
`;

const mail = (...lines: string[]): string => [...lines, "", "text", ""].join("\r\n");
const QUESTION = mail("From: ann@example.com", "Subject: printer", "Message-ID: <1@example.com>");
const OTHER = mail("From: bob@example.com", "Subject: door", "Message-ID: <2@example.com>");
const REPLY = mail(
  "From: cat@example.com",
  "Subject: Re: printer",
  "Message-ID: <3@example.com>",
  "In-Reply-To: <1@example.com>",
);
/** More parts than parseMessage takes. */
const MANY_PARTS = mail(
  "Subject: parts",
  "Content-Type: multipart/mixed; boundary=b",
  "",
  ...Array.from({ length: 1001 }, () => "--b\r\n\r\n"),
);

test("each message becomes one ticket, and a reply joins that of the message it answers", async () => {
  const folder = await scratch();
  await using server = await Pop3Server.listen({
    users: { ann: { pass: "secret", messages: [QUESTION, OTHER] } },
    tls: true,
  });
  await writeFile(join(folder, "ca.pem"), server.ca);
  const loader = HAS_NODE_SQLITE
    ? []
    : ["--import", `data:text/javascript,${encodeURIComponent(IN_PLACE_OF_NODE_SQLITE)}`];
  const run = async (): Promise<string> => {
    const args = [...loader, "--import", tsx, join(root, "examples/tickets-sqlite.ts"), "tickets.db"];
    const child = spawn(process.execPath, args, {
      cwd: folder,
      env: {
        ...process.env,
        TSX_TSCONFIG_PATH: join(root, "tsconfig.json"),
        POP3_URL: `pop3s://ann:secret@${server.host}:${server.port}`,
        NODE_EXTRA_CA_CERTS: join(folder, "ca.pem"),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr, code] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      new Promise((resolve) => child.once("close", resolve)),
    ]);
    expect(code, stderr).toBe(0);
    return stdout;
  };

  expect(await run()).toBe("ticket 1: printer\nticket 2: door\n");
  expect(await run()).toBe("");
  server.maildrop("ann").add(REPLY);
  server.maildrop("ann").add(MANY_PARTS);
  // As a process leaves it that was killed before it made the ticket.
  const database = openDatabase(join(folder, "tickets.db"));
  database.exec("UPDATE mail SET ticket = NULL WHERE id = 2");
  expect(await run()).toBe("ticket 2: door\nticket 1, a reply: Re: printer\nticket 4: (cannot be parsed)\n");
  expect(database.prepare("SELECT id, sender, subject FROM ticket ORDER BY id").all()).toEqual([
    { id: 1, sender: "ann@example.com", subject: "printer" },
    { id: 2, sender: "bob@example.com", subject: "door" },
    { id: 4, sender: null, subject: "(cannot be parsed)" },
  ]);
  database.close();
  expect(server.maildrop("ann").messages).toHaveLength(4);
});
