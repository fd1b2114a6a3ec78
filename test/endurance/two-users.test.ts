// Two users of one machine share a spool to which both may write (mode 1777, as on some systems). Whatever
// one of them puts there, the mail and the files of the other stay as they are. This test needs root, to act
// as both users.
import { execFile, execFileSync } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bodiesOf, mboxForm } from "../support/mbox-form.ts";
import { keyOf } from "../support/delivery.ts";

const [ATTACKER, VICTIM] = [65_534, 1000];
const PROGRAM = join(import.meta.dirname, "deliver-as.mjs");
const PRECIOUS = "precious\n";
const HEX = "0123456789abcdef";

let directory: string;
let spool: string;
let inbox: string;
let precious: string;
beforeEach(async () => {
  if (process.getuid?.() !== 0) throw new Error("this test runs as root only: it acts as two users");
  directory = await mkdtemp(join(tmpdir(), "popwright-users-"));
  await chmod(directory, 0o711);
  [spool, precious] = [join(directory, "spool"), join(directory, "precious")];
  inbox = join(spool, "inbox");
  await mkdir(spool);
  await chmod(spool, 0o1777);
  await writeFile(precious, PRECIOUS);
  await chown(precious, VICTIM, VICTIM);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function deliver(name: string): Promise<string> {
  const args = [PROGRAM, String(VICTIM), inbox, name];
  // What hangs is ended, and is a failure.
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  return stdout.trim();
}

/** As the attacker. What the system refuses is refused. */
function attack(command: string, ...args: string[]): void {
  const id = String(ATTACKER);
  const as = [
    `--reuid=${id}`,
    `--regid=${id}`,
    "--clear-groups",
    "sh",
    "-c",
    `${command} || :`,
    "sh",
    ...args,
  ];
  execFileSync("setpriv", as, { stdio: ["ignore", "ignore", "ignore"] });
}

const form = (name: string): Buffer => mboxForm(Buffer.from(`Subject: ${name}\r\n\r\n${name}\r\n`));

async function expectMail(...names: string[]): Promise<void> {
  expect(bodiesOf(await readFile(inbox)).map(String)).toEqual(names.map((name) => String(form(name))));
  expect(await readFile(precious, "utf8")).toBe(PRECIOUS);
}

/** `$1` is the name, `$2` the victim's file, `$3` a note that would have the mbox emptied. */
const THINGS = {
  "a FIFO": 'mkfifo -m 666 "$1"',
  "a symbolic link": 'ln -s "$2" "$1"',
  "a dangling symbolic link": 'ln -s "$1-not-there" "$1"',
  "a hard link": 'ln "$2" "$1"',
  "a directory": 'mkdir -m 777 "$1"',
  "an empty file": ': >"$1"; chmod 666 "$1"',
  "a forged note": 'printf %s "$3" >"$1"; chmod 666 "$1"',
};

const BESIDE = [
  ".inbox.popwright",
  `.inbox.popwright-1-${HEX}-${HEX}`,
  `.inbox.popwright-1-${HEX}-${HEX}.new`,
  `.${keyOf("other")}.popwright-1-${HEX}-${HEX}`,
  `inbox.lock.${HEX}`,
  `inbox.lock.${HEX}.tmp`,
];

describe.each(Object.entries(THINGS))("another user puts %s", (thing, command) => {
  /** Whether the system lets a user give a name to the file of another. */
  const isRefused = async (path: string): Promise<boolean> =>
    thing === "a hard link" && (await stat(path).catch(() => undefined)) === undefined;

  test("under every name next to the mbox: mail is delivered", async () => {
    expect(await deliver("one")).toBe("new");
    const line = (await readFile(inbox, "latin1")).split("\n", 1)[0] ?? "";
    const note = JSON.stringify({ line: `${line}\n`, at: 0, octets: 1e9, digest: "0".repeat(64), gap: 0 });
    for (const name of BESIDE) {
      attack(command, join(spool, name), precious, note);
      execFileSync("touch", ["-c", "-h", "-d", "3 days ago", join(spool, name)], { stdio: "ignore" });
    }
    const outcome = await deliver("two");
    const linked = join(spool, BESIDE[0] ?? "");
    if (thing === "a hard link" && !(await isRefused(linked))) {
      // A file of the victim that only its second name tells from a note.
      expect(outcome).toContain("names (hard links) of a file");
      await expectMail("one");
    } else {
      expect(outcome).toBe("new");
      await expectMail("one", "two");
    }
  });

  test("under the name of the lock: no mail is delivered, and nothing changes", async () => {
    expect(await deliver("one")).toBe("new");
    attack(command, `${inbox}.lock`, precious, "");
    if (await isRefused(`${inbox}.lock`)) return;
    expect(await deliver("two")).toContain("another program has locked");
    execFileSync("touch", ["-h", "-d", "1 hour ago", `${inbox}.lock`]);
    expect(await deliver("two")).toMatch(/new|is an abandoned lock that this user cannot replace/);
    expect(await readFile(precious, "utf8")).toBe(PRECIOUS);
  });

  test("under the name of the mbox: no mail is delivered there", async () => {
    attack(command, inbox, precious, "");
    if (await isRefused(inbox)) return;
    expect(await deliver("one")).toMatch(/^POP3_DESTINATION: .*Remove or rename it$|^EACCES: /);
    expect(await readFile(precious, "utf8")).toBe(PRECIOUS);
  });
});

test("two users have an mbox each", async () => {
  expect(await deliver("one")).toBe("new");
  await writeFile(join(spool, ".inbox.popwright-1-1-1"), "");
  const other = [PROGRAM, String(ATTACKER), join(spool, "other"), "one"];
  expect(String(execFileSync(process.execPath, other)).trim()).toBe("new");
  // What the other has left of a message that it died over is not ours to remove.
  attack('printf x >"$1"', join(spool, `.${keyOf("dead")}.popwright-1-${HEX}-${HEX}`));
  expect(await deliver("two")).toBe("new");
  await expectMail("one", "two");
});
