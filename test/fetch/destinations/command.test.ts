// A program that takes mail: what it is told, what it says, and how it is ended.
import { execFileSync } from "node:child_process";
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Command, type CommandOptions, type DeliveryWriter } from "../../../src/fetch/index.ts";
import { deliver, delivery, keyOf, MESSAGES } from "./delivery.ts";
import { Folder } from "./folder.ts";

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

/** A file that is read when it has been written: who waits for it knows that a script has got there. */
function pipe(name: string): string {
  const path = join(folder.path, name);
  execFileSync("mkfifo", [path]);
  return path;
}

test("gets arguments as they are, and is told of the message", async () => {
  const tell = 'printf "%s\\n" "$@"; env | grep -E "^POPWRIGHT_(KEY|MAILBOX|UID|SIZE|HEADERS_ONLY)=" | sort';
  const args = ["-c", `{ ${tell}; } >told; cat >kept`, "name", "a b", "$HOME", "'\";|"];
  const command = new Command("sh", args, { cwd: folder.path });
  const writer = await command.begin(delivery("one", { uid: "u/1$(id)", size: 1234, headersOnly: true }));
  await writer.write(ONE);
  expect(await writer.commit()).toBe("new");
  expect((await read("told")).split("\n")).toEqual([
    ...["a b", "$HOME", "'\";|", "POPWRIGHT_HEADERS_ONLY=1", `POPWRIGHT_KEY=${keyOf("one")}`],
    ...["POPWRIGHT_MAILBOX=ann@pop.test:995", "POPWRIGHT_SIZE=1234", "POPWRIGHT_UID=u/1$(id)", ""],
  ]);
  expect(await folder.read("kept")).toEqual(ONE);
});

test("is told nothing that nobody knows", async () => {
  const env = { PATH: process.env["PATH"], MINE: "1", POPWRIGHT_UID: "inherited", POPWRIGHT_SIZE: "1" };
  const writer = await script("env | grep -E '^(POPWRIGHT_|MINE|HOME)' | sort >told", { env }).begin(
    delivery("one", { uid: undefined }),
  );
  expect(await writer.commit()).toBe("new");
  expect((await read("told")).split("\n")).toEqual([
    ...["MINE=1", `POPWRIGHT_KEY=${keyOf("one")}`, "POPWRIGHT_MAILBOX=ann@pop.test:995", ""],
  ]);
});

test.each([
  ["", undefined],
  ["cat", { timeout: -1 }],
  ["cat", { timeout: "5" }],
])("is none: %j, %j", (program, options) => {
  expect(() => new Command(program, [], options as CommandOptions)).toThrow(
    expect.objectContaining({ code: "POP3_CONFIG" }),
  );
});

describe("its exit code says what became of the message", () => {
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

  test("with the end of its words", async () => {
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
  await expect(command.begin(delivery("one"))).rejects.toMatchObject({
    name: "DestinationError",
    message: expect.stringMatching(/ cannot be started: .*\bE(?:NOENT|ACCES)\b/) as unknown,
    down: true,
  });
});

test("cannot be told what no environment can have", async () => {
  await expect(script("exit 0").begin(delivery("one", { mailbox: "a\0b" }))).rejects.toMatchObject({
    name: "DestinationError",
  });
});

test("takes a message at its own pace", async () => {
  const go = pipe("go");
  const writer = await script("read x <go; cat >kept").begin(delivery("one"));
  const written = writer.write(Buffer.from(LARGE));
  const soon = new Promise((resolve) => setImmediate(resolve, "held back"));
  expect(await Promise.race([Promise.resolve(written).then(() => "written"), soon])).toBe("held back");
  await folder.write("go", "\n");
  await written;
  expect(await writer.commit()).toBe("new");
  expect((await folder.read("kept")).equals(LARGE)).toBe(true);
  expect(go).toContain(folder.path);
});

test("may leave others running behind it", async () => {
  const ended = readFile(pipe("alive"));
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

  async function start(
    text: string,
    signal?: AbortSignal,
  ): Promise<[DeliveryWriter, gone: Promise<unknown>]> {
    const [gone, ready] = [readFile(pipe("alive")), readFile(pipe("ready"))];
    const writer = await script(text).begin(delivery("one"), signal);
    await ready;
    return [writer, gone];
  }

  function fakeClock(): void {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  }

  test("where the message does not come, with all that it has started", async () => {
    const [writer, gone] = await start(FAMILY);
    await writer.write(ONE);
    await writer.abort();
    await gone;
  });

  test("without having seen the end of its input", async () => {
    const [writer, gone] = await start("exec 3>alive; trap 'exit 1' TERM; echo >ready; cat >kept; echo >end");
    await writer.write(ONE);
    await writer.abort();
    await gone;
    expect(await folder.files()).not.toContain("end");
  });

  test("by the signal", async () => {
    const controller = new AbortController();
    const [writer, gone] = await start(FAMILY, controller.signal);
    const reason = new Error("enough");
    const committed = writer.commit();
    controller.abort(reason);
    await expect(committed).rejects.toMatchObject({ code: "POP3_ABORTED", cause: reason });
    await gone;
    await expect(script("exit 0").begin(delivery("one"), controller.signal)).rejects.toMatchObject({
      code: "POP3_ABORTED",
    });
  });

  test("by the signal while it keeps us waiting", async () => {
    const controller = new AbortController();
    const [writer, gone] = await start("exec 3>alive; echo >ready; sleep 1000", controller.signal);
    const written = writer.write(Buffer.from(LARGE));
    controller.abort();
    await written;
    await expect(writer.commit()).rejects.toMatchObject({ code: "POP3_ABORTED" });
    await gone;
  });

  test("where it takes nothing in for five minutes", async () => {
    const [writer, gone] = await start("exec 3>alive; echo >ready; sleep 1000");
    fakeClock();
    const written = writer.write(Buffer.from(LARGE));
    vi.advanceTimersByTime(300_000);
    await written;
    await gone;
    await expect(writer.commit()).rejects.toMatchObject({
      message: "sh was ended after 300 s",
      later: false,
    });
  });

  test("where it runs on for five minutes, and whatever it says then", async () => {
    const [writer, gone] = await start(FAMILY);
    await writer.write(ONE);
    fakeClock();
    vi.advanceTimersByTime(1_000_000);
    const committed = writer.commit();
    vi.advanceTimersByTime(300_000);
    await expect(committed).rejects.toMatchObject({ message: "sh was ended after 300 s" });
    await gone;
  });

  test("by SIGKILL where it does not heed SIGTERM", async () => {
    const [writer, gone] = await start(STUBBORN);
    fakeClock();
    const aborted = writer.abort();
    vi.advanceTimersByTime(5000);
    await aborted;
    await gone;
  });

  test("and is not waited for by its last words", async () => {
    const [writer, gone] = await start(
      "exec 3>alive; sleep 1000 & echo $! >pid; echo >ready; echo no >&2; exit 1",
    );
    const committed = writer.commit();
    await expect(committed).rejects.toMatchObject({ message: "sh ended with exit code 1: no" });
    process.kill(Number(await read("pid")));
    await gone;
  });
});
