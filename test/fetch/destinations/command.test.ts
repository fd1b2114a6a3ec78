// A program that takes mail: its arguments and environment, its exit code, how it is ended, and the file that
// it reads.
import { ChildProcess, execFile, execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdir, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SpoolFile } from "../../../src/fetch/destinations/spool-file.ts";
import { Command, type CommandOptions } from "../../../src/fetch/index.ts";
import { breakFiles } from "./broken-files.ts";
import { deliver, delivery, keyOf, MESSAGES } from "../../support/delivery.ts";
import { Folder } from "../../support/folder.ts";
import { entryFor } from "../../support/ledger.ts";

const ONE = Buffer.from("Subject: one\r\n\r\n1\r\n");
const LARGE = MESSAGES["5 MB"] as Buffer;

let folder: Folder;
beforeEach(async () => {
  folder = await Folder.make();
});
afterEach(async () => {
  vi.useRealTimers();
  await folder.remove();
});

/** A program that runs in the folder. */
function script(text: string, options: CommandOptions = {}): Command {
  return new Command("sh", ["-c", text], { cwd: folder.path, ...options });
}

async function read(name: string): Promise<string> {
  return (await folder.read(name)).toString();
}

/**
 * Creates a named pipe, and resolves when a script has opened it and everything that kept it open has ended. Another
 * process reads it, because Bun stands still until a named pipe is opened.
 */
function pipeEnds(name: string): Promise<unknown> {
  const path = join(folder.path, name);
  execFileSync("mkfifo", [path]);
  return promisify(execFile)("cat", [path]);
}

test("gets its arguments unchanged, and variables about the message", async () => {
  const tell = 'printf "%s\\n" "$@"; env | grep -E "^POPWRIGHT_(KEY|MAILBOX|UID|SIZE|HEADERS_ONLY)=" | sort';
  const args = ["-c", `{ ${tell}; } >told; cat >kept`, "name", "a b", "$HOME", "'\";|"];
  const command = new Command("sh", args, { cwd: folder.path });
  const writer = await command.begin(delivery("one", { uid: "u/1$(id)", size: 1234, headersOnly: true }));
  await writer.write(ONE);
  expect(await writer.commit(entryFor("a"))).toBe("new");
  expect((await read("told")).split("\n")).toEqual([
    ...["a b", "$HOME", "'\";|", "POPWRIGHT_HEADERS_ONLY=1", `POPWRIGHT_KEY=${keyOf("one")}`],
    ...["POPWRIGHT_MAILBOX=ann@pop.test:995", "POPWRIGHT_SIZE=1234", "POPWRIGHT_UID=u/1$(id)", ""],
  ]);
  expect(await folder.read("kept")).toEqual(ONE);
});

test("gets no variable for an unknown value", async () => {
  const env = { PATH: process.env["PATH"], MINE: "1", POPWRIGHT_UID: "inherited", POPWRIGHT_SIZE: "1" };
  const writer = await script("env | grep -E '^(POPWRIGHT_|MINE|HOME)' | sort >told", { env }).begin(
    delivery("one", { uid: undefined }),
  );
  expect(await writer.commit(entryFor("a"))).toBe("new");
  expect((await read("told")).split("\n")).toEqual([
    ...["MINE=1", `POPWRIGHT_KEY=${keyOf("one")}`, "POPWRIGHT_MAILBOX=ann@pop.test:995", ""],
  ]);
});

test.each([
  ["", undefined],
  ["cat", { timeout: -1 }],
  ["cat", { timeout: "5" }],
  ["cat", { spool: "" }],
  ["cat", { spool: 7 }],
])("rejects invalid options: %j, %j", (program, options) => {
  expect(() => new Command(program, [], options as CommandOptions)).toThrow(
    expect.objectContaining({ code: "POP3_CONFIG" }),
  );
});

test("a program that cannot be started because too many files are open ends the run, not the process", async () => {
  // As Node does it: without streams, and with an event in the next tick.
  const prototype = ChildProcess.prototype as unknown as { spawn(): number };
  const spawned = vi.spyOn(prototype, "spawn").mockImplementation(function (this: unknown) {
    const error = Object.assign(new Error("spawn sh EMFILE"), { code: "EMFILE" });
    process.nextTick(() => (this as ChildProcess).emit("error", error));
    return -24;
  });
  try {
    await expect(deliver(script("cat"), "one", ONE)).rejects.toMatchObject({
      message: "sh cannot be started: spawn sh EMFILE",
      down: true,
    });
  } finally {
    spawned.mockRestore();
  }
});

describe("its exit code gives the result", () => {
  test.each([
    ["exit 75", { later: true, down: false, message: "sh ended with exit code 75" }],
    ["exit 1", { later: false, down: false, message: "sh ended with exit code 1" }],
    ["exit 67", { later: false, down: false, message: "sh ended with exit code 67" }],
    ["exit 126", { later: true, down: true, message: "sh ended with exit code 126" }],
    ["exec 2>&-; exec ./none", { later: true, down: true, message: "sh ended with exit code 127" }],
    ["kill -KILL $$", { later: false, down: false, message: "sh ended with SIGKILL" }],
    ["kill -TERM $$", { later: false, down: false, message: "sh ended with SIGTERM" }],
    ["echo no such user >&2; exit 67", { message: "sh ended with exit code 67: no such user" }],
    [
      "printf '\\033[2J\\n\\na\\0b\\n' >&2; exit 1",
      { message: "sh ended with exit code 1: \\x1b[2J a\\x00b" },
    ],
  ])("%s", async (text, error) => {
    await expect(deliver(script(`cat >/dev/null; ${text}`), "one", ONE)).rejects.toMatchObject({
      name: "DestinationError",
      code: "POP3_DESTINATION",
      ...error,
    });
  });

  test("with the end of its standard error", async () => {
    const talk = "cat >/dev/null; seq 1 10000 >&2; exit 1";
    const error = (await deliver(script(talk), "one", ONE).catch((e: unknown) => e)) as Error;
    expect(error.message).toMatch(/^sh ended with exit code 1: [\d ]{490,}9999 10000$/);
    expect(error.message.length).toBeLessThan(540);
  });

  test("whether it has read the message or not", async () => {
    expect(await deliver(script("exit 0"), "one", LARGE)).toBe("new");
    expect(await deliver(script("exec <&-; echo done >done"), "one", LARGE)).toBe("new");
    expect(await read("done")).toBe("done\n");
    await expect(deliver(script("head -c 1000; exit 65"), "one", LARGE)).rejects.toMatchObject({
      message: "sh ended with exit code 65",
    });
  });
});

test.each([
  ["./none", {}],
  ["./not-a-program", {}],
  ["sh", { cwd: "/nowhere/at/all" }],
])("cannot be started: %s %j", async (program, options) => {
  await folder.write("not-a-program", "");
  await chmod(join(folder.path, "not-a-program"), 0o600);
  const command = new Command(program, [], { cwd: folder.path, ...options });
  await expect(deliver(command, "one", ONE)).rejects.toMatchObject({
    name: "DestinationError",
    message: expect.stringMatching(/ cannot be started: .*\bE(?:NOENT|ACCES)\b/) as unknown,
    down: true,
  });
});

test("cannot be started with its arguments in one text", async () => {
  await expect(deliver(new Command("cat /dev/null"), "one", ONE)).rejects.toThrow(
    "cat /dev/null cannot be started: spawn cat /dev/null ENOENT. " +
      "If this is a program with its arguments, give them apart: (program, [argument, …])",
  );
});

test("rejects a value that no environment variable can have", async () => {
  const writer = await script("exit 0").begin(delivery("one", { mailbox: "a\0b" }));
  await expect(writer.commit(entryFor("a"))).rejects.toMatchObject({ name: "DestinationError" });
});

describe("reads a file", () => {
  test("that has the whole message, supports seeking, and is readable for its owner only", async () => {
    const text = "stat -L -c '%F %s %a %h' /dev/stdin >told; head -c 9 >a; cat /dev/stdin >kept";
    expect(await deliver(script(text), "large", LARGE)).toBe("new");
    expect(await read("told")).toBe(`regular file ${String(LARGE.length)} 600 0\n`);
    expect(await folder.read("a")).toEqual(LARGE.subarray(0, 9));
    expect((await folder.read("kept")).equals(LARGE)).toBe(true);
  });

  test("and starts only when the file is complete, not if the message does not arrive", async () => {
    const command = script("echo >started; cat >kept");
    const writer = await command.begin(delivery("one"));
    await writer.write(LARGE);
    await writer.prepare?.();
    await writer.abort();
    expect(await folder.files()).toEqual([]);
    expect(await deliver(command, "one", ONE)).toBe("new");
    expect(await folder.read("kept")).toEqual(ONE);
  });

  test("that has no name while the message arrives, and is gone afterwards", async () => {
    const spool = join(folder.path, "deep", "spool");
    const files = (): Promise<string[]> => readdir(spool);
    const command = script("ls deep/spool >seen; exit 1", { spool });
    const writer = await command.begin(delivery("one"));
    await writer.write(ONE);
    expect(await files()).toEqual([]);
    await expect(writer.commit(entryFor("a"))).rejects.toMatchObject({
      message: "sh ended with exit code 1",
    });
    expect([await read("seen"), await files()]).toEqual(["", []]);
  });

  test("in the directory for temporary files by default", async () => {
    const create = vi.spyOn(SpoolFile, "create");
    expect(await deliver(script("exit 0"), "one", ONE)).toBe("new");
    expect(create).toHaveBeenCalledWith(tmpdir(), keyOf("one"));
    create.mockRestore();
  });

  test("after the leftovers of a crash were removed, whatever others have put there", async () => {
    const spool = join(folder.path, "spool");
    await mkdir(spool);
    const left = await SpoolFile.create(spool, keyOf("one"));
    const [name = ""] = await readdir(spool);
    await left.discard();
    const { pid } = spawnSync("true");
    const dead = name.replace(/-\d+-/, `-${String(pid)}-`);
    await folder.write(join("spool", dead), "half a mess");
    // Cannot be removed as a file, as one of another user in a directory with the sticky bit cannot be.
    const stuck = dead.replace(/[0-9a-f]{16}$/, "0123456789abcdef");
    await mkdir(join(spool, stuck));
    expect(await deliver(script("exit 0", { spool }), "one", ONE)).toBe("new");
    expect(await readdir(spool)).toEqual([stuck]);
  });

  test.each(["write", "sync"] as const)("unless the disk is full: %s", async (step) => {
    const command = script("echo >started");
    const broken = await breakFiles(step);
    const failure: unknown = await deliver(command, "one", ONE).catch((error: unknown) => error);
    broken.repair();
    expect(failure).toMatchObject({
      ...{ name: "DestinationError", down: true, later: true },
      message: `cannot keep the message in the spool directory ${tmpdir()}: ENOSPC: no space left on device`,
    });
    expect(await folder.files()).toEqual([]);
  });

  test("unless the message exceeds the limit of a file's size, which does not affect other messages", async () => {
    const writer = await script("exit 0").begin(delivery("one"));
    const file = vi.spyOn(SpoolFile.prototype, "write");
    file.mockRejectedValue(Object.assign(new Error("EFBIG: file too large"), { code: "EFBIG" }));
    const write = async (): Promise<void> => writer.write(ONE);
    await expect(write()).rejects.toMatchObject({ name: "DestinationError", down: false });
    file.mockRestore();
    await writer.abort();
  });
});

test("may leave other processes running", async () => {
  const ended = pipeEnds("alive");
  const text =
    "cat >/dev/null; sh -c 'exec 3>alive; echo $$ >pid; exec sleep 1000' & while [ ! -s pid ]; do :; done";
  expect(await deliver(script(text), "one", ONE)).toBe("new");
  process.kill(Number(await read("pid")));
  await ended;
});

describe("is ended", () => {
  /** A program with a child, both of which keep a pipe open. */
  const FAMILY = "exec 3>alive; trap 'exit 0' TERM; sleep 1000 & echo >ready; wait; wait";
  /** Neither it nor what it starts heeds SIGTERM. */
  const STUBBORN = "exec 3>alive; trap '' TERM; echo >ready; sleep 1000";

  /** Resolves when it runs: `outcome` to what the commit gave or threw, `gone` when its processes have ended. */
  async function start(
    text: string,
    signal?: AbortSignal,
  ): Promise<{ readonly outcome: Promise<unknown>; readonly gone: Promise<unknown> }> {
    const [gone, ready] = [pipeEnds("alive"), pipeEnds("ready")];
    const writer = await script(text).begin(delivery("one"), signal);
    await writer.write(LARGE);
    // How long the message takes to come does not count.
    if (vi.isFakeTimers()) vi.advanceTimersByTime(1_000_000);
    const outcome = writer.commit(entryFor("a")).catch((error: unknown) => error);
    await ready;
    return { outcome, gone };
  }

  function fakeClock(): void {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  }

  test("when the signal is aborted, with all that it has started", async () => {
    const controller = new AbortController();
    const { outcome, gone } = await start(FAMILY, controller.signal);
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await outcome).toMatchObject({ code: "POP3_ABORTED", cause: reason });
    await gone;
  });

  test("before it starts, if the signal was aborted earlier", async () => {
    const controller = new AbortController();
    const command = script("echo >started");
    const writer = await command.begin(delivery("one"), controller.signal);
    controller.abort();
    await expect(writer.commit(entryFor("a"))).rejects.toMatchObject({ code: "POP3_ABORTED" });
    await expect(command.begin(delivery("one"), controller.signal)).rejects.toMatchObject({
      code: "POP3_ABORTED",
    });
    expect(await folder.files()).toEqual([]);
  });

  test.each([
    ["it reads nothing", "exec 3>alive; echo >ready; sleep 1000"],
    ["it has read everything, whatever its exit code is then", `cat >kept; ${FAMILY}`],
  ])("after five minutes: %s", async (_what, text) => {
    fakeClock();
    const { outcome, gone } = await start(text);
    vi.advanceTimersByTime(299_999);
    const soon = new Promise((resolve) => setImmediate(resolve, "it runs"));
    expect(await Promise.race([outcome, soon])).toBe("it runs");
    vi.advanceTimersByTime(1);
    expect(await outcome).toMatchObject({
      ...{ message: "sh was ended after 300 s", down: false, later: false },
    });
    await gone;
  });

  test("by SIGKILL if it ignores SIGTERM", async () => {
    fakeClock();
    const controller = new AbortController();
    const { outcome, gone } = await start(STUBBORN, controller.signal);
    controller.abort();
    vi.advanceTimersByTime(5000);
    expect(await outcome).toMatchObject({ code: "POP3_ABORTED" });
    await gone;
  });

  test("even if a process that it has started keeps its standard error open", async () => {
    const { outcome, gone } = await start(
      "exec 3>alive; sleep 1000 & echo $! >pid; echo >ready; echo no >&2; exit 1",
    );
    expect(await outcome).toMatchObject({ message: "sh ended with exit code 1: no" });
    process.kill(Number(await read("pid")));
    await gone;
  });

  test("never by the time limit Infinity", async () => {
    fakeClock();
    expect(await deliver(script("cat >kept", { timeout: Infinity }), "one", ONE)).toBe("new");
    expect(vi.getTimerCount()).toBe(0);
  });
});
