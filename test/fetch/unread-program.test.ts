// The standard error of a program cannot be read: its exit code tells nevertheless what became of the message.
import { spawn, type ChildProcess } from "node:child_process";
import { expect, test, vi } from "vitest";
import { Command } from "../../src/fetch/index.ts";
import { deliver } from "../support/delivery.ts";

vi.mock("node:child_process", { spy: true });

test.each([
  ["0", "new"],
  ["1", /ended with exit code 1/],
])("exit code %s", async (code, outcome) => {
  const { spawn: spawnAsEver } =
    await vi.importActual<typeof import("node:child_process")>("node:child_process");
  vi.mocked(spawn).mockImplementationOnce((...args: Parameters<typeof spawn>): ChildProcess => {
    const child = spawnAsEver(...args);
    child.stderr?.destroy(new Error("read EIO"));
    return child;
  });
  const command = new Command("sh", ["-c", `cat >/dev/null; exit ${code}`]);
  const delivered = deliver(command, "one", Buffer.from("Subject: one\r\n\r\n1\r\n"));
  if (typeof outcome === "string") expect(await delivered).toBe(outcome);
  else await expect(delivered).rejects.toThrow(outcome);
});
