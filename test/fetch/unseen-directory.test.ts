// A directory exists, and the system does not tell what it is.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { makeDirectory } from "../../src/fetch/files/fsync.ts";
import { systemError } from "../support/file-handles.ts";
import { scratch } from "../support/scratch.ts";

vi.mock("node:fs/promises", { spy: true });

test("the error says what failed, and not that the directory exists", async () => {
  const directory = await scratch();
  vi.mocked(stat).mockRejectedValueOnce(systemError("EIO"));
  await expect(makeDirectory(directory)).rejects.toMatchObject({ code: "EIO" });
  await makeDirectory(directory);
  await makeDirectory(join(directory, "below"));
});
