// What the system does with the files: another program holds one of them, as happens on Windows; they are on a network, or on a
// local disk; and there are many of them.
import * as fs from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FileLedger } from "../../../src/fetch/ledger/file-ledger.ts";
import { fileName } from "../../../src/fetch/ledger/file-name.ts";
import type { LedgerEntry, MailboxState } from "../../../src/fetch/ledger/ledger.ts";
import { fileHandles, systemError } from "../../support/file-handles.ts";
import { deadPid, lockText } from "../../support/holders.ts";
import { scratch } from "../../support/scratch.ts";
import { until } from "../../support/turns.ts";

vi.mock("node:fs/promises", { spy: true });

const ANN = "ann@pop.example.com:995";
const entry = (id: string): LedgerEntry => ({ id, status: "delivered", firstSeen: 1 });
const actual = await vi.importActual<typeof fs>("node:fs/promises");

let ledger: FileLedger;
beforeEach(async () => {
  ledger = new FileLedger(await scratch());
});
afterEach(release);

/** Another program holds the state files: they can be neither opened nor removed. */
function hold(code: string): void {
  const refused = (path: unknown): boolean => String(path).endsWith(".state");
  vi.mocked(fs.open).mockImplementation(async (...args) => {
    if (refused(args[0])) throw systemError(code);
    return actual.open(...args);
  });
  vi.mocked(fs.unlink).mockImplementation(async (path) => {
    if (refused(path)) throw systemError(code);
    await actual.unlink(path);
  });
}

function release(): void {
  for (const call of [fs.open, fs.unlink]) vi.mocked(call).mockReset();
  vi.restoreAllMocks();
}

async function poll(lastRun: number): Promise<MailboxState> {
  const mailbox = await ledger.open(ANN);
  await mailbox.close({ state: { lastRun } });
  return mailbox.state;
}

describe.each(["EBUSY", "EPERM", "EACCES"])("a state file that is held (%s)", (code) => {
  test("leaves the state to the journal", async () => {
    await poll(1);
    await poll(2);
    hold(code);
    expect(await poll(3)).toEqual({ lastRun: 1 });
    expect(await poll(4)).toEqual({ lastRun: 3 });
    expect((await ledger.read(ANN)).state).toEqual({ lastRun: 4 });
    for await (const { state } of ledger.mailboxes()) expect(state).toEqual({ lastRun: 4 });
    release();
    expect(await poll(5), "the file is free again, and does not describe this journal").toEqual({
      lastRun: 4,
    });
    expect(await poll(6)).toEqual({ lastRun: 5 });
  });

  test("does not keep a run from taking over", async () => {
    await poll(1);
    await fs.writeFile(join(ledger.directory, `${fileName(ANN)}.lock`), await lockText({ pid: deadPid() }));
    hold(code);
    const mailbox = await ledger.open(ANN);
    expect(mailbox.takenOver).toBe(true);
    await mailbox.record({ entries: [entry("a")] });
    await mailbox.close();
    release();
    expect(await poll(2)).toEqual({ lastRun: 1 });
    expect((await ledger.read(ANN)).entries.size).toBe(1);
  });
});

describe.each([
  ["over a network", 0x6969, true],
  ["on a local disk", 0xef53, false],
  ["on a disk of an unknown kind", undefined, true],
])("files %s", (_where, type, opens) => {
  test("are compared by a look, or by opening them", async () => {
    if (type === undefined) vi.mocked(fs.statfs).mockRejectedValue(systemError("ENOSYS"));
    else vi.mocked(fs.statfs).mockResolvedValue({ type } as never);
    await poll(1);
    await poll(2);
    vi.mocked(fs.open).mockClear();
    expect(await poll(3)).toEqual({ lastRun: 2 });
    const opened = vi.mocked(fs.open).mock.calls.map(([path]) => String(path));
    vi.mocked(fs.statfs).mockReset();
    for (const kind of [".journal", ".lock"])
      expect(
        opened.some((path) => path.endsWith(kind)),
        kind,
      ).toBe(opens || process.platform !== "linux");
  });
});

describe("many mailboxes at once", () => {
  const NAMES = Array.from({ length: 8 }, (_, at) => `mailbox ${at}`);

  test("sync nothing when they find nothing new", async () => {
    const pollAll = (lastRun: number): Promise<unknown> =>
      Promise.all(NAMES.map(async (name) => (await ledger.open(name)).close({ state: { lastRun } })));
    await pollAll(1);
    const handles = await fileHandles();
    const syncs = [vi.spyOn(handles, "sync"), vi.spyOn(handles, "datasync")];
    await pollAll(2);
    for (const sync of syncs) expect(sync).not.toHaveBeenCalled();
  });

  test("sync their journals side by side", async () => {
    for (const name of NAMES) await (await ledger.open(name)).close({ state: { lastRun: 1 } });
    const held: (() => void)[] = [];
    const sync = vi.spyOn(await fileHandles(), "datasync");
    sync.mockImplementation(() => new Promise((resolve) => held.push(resolve)));
    const closed = NAMES.map(async (name) => (await ledger.open(name)).close({ entries: [entry("a")] }));
    await until(() => held.length === NAMES.length);
    for (const release of held) release();
    await Promise.all(closed);
    expect(sync).toHaveBeenCalledTimes(NAMES.length);
  });
});
