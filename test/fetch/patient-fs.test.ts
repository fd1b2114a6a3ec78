// Files that another program has open: on Windows the calls are retried for a limited time.
import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { link, open, patiently, rename, rm, unlink } from "../../src/fetch/files/patient-fs.ts";
import { systemError } from "../support/file-handles.ts";
import { scratch } from "../support/scratch.ts";

/** Calls what fails so often, and notes the pauses. */
async function tried(
  failures: number,
  code: string,
  isWindows = true,
): Promise<{ calls: number; waited: number }> {
  let [calls, waited] = [0, 0];
  const call = async (): Promise<string> => {
    if (++calls <= failures) throw systemError(code);
    return "done";
  };
  const pause = async (milliseconds: number): Promise<void> => void (waited += milliseconds);
  await patiently(call, { isWindows, pause }).then(
    (value) => {
      expect(value).toBe("done");
    },
    (error: unknown) => {
      expect(error).toMatchObject({ code });
    },
  );
  return { calls, waited };
}

describe("a file that another program has open", () => {
  test.each(["EPERM", "EACCES", "EBUSY"])("%s: is retried, first after a short pause", async (code) => {
    expect(await tried(0, code)).toEqual({ calls: 1, waited: 0 });
    expect(await tried(1, code)).toEqual({ calls: 2, waited: 10 });
    expect(await tried(3, code)).toEqual({ calls: 4, waited: 70 });
  });

  test("is retried for five seconds at most, then the call rejects", async () => {
    expect(await tried(Infinity, "EPERM")).toEqual({ calls: 11, waited: 5000 });
  });

  test("other errors reject at once, and so does every error on other platforms", async () => {
    expect(await tried(1, "ENOENT")).toEqual({ calls: 1, waited: 0 });
    expect(await tried(1, "EPERM", false)).toEqual({ calls: 1, waited: 0 });
  });
});

test("the calls behave like those of Node", async () => {
  const directory = await scratch();
  const [a, b, c] = ["a", "b", "c"].map((name) => join(directory, name)) as [string, string, string];
  await writeFile(a, "text");
  await link(a, b);
  await expect(link(a, b)).rejects.toMatchObject({ code: "EEXIST" });
  await rename(b, c);
  const file = await open(c, "wx+").catch(() => open(c, "r"));
  expect(await file.readFile("utf8")).toBe("text");
  await file.close();
  await unlink(a);
  await expect(access(a)).rejects.toMatchObject({ code: "ENOENT" });
  expect(await readFile(c, "utf8")).toBe("text");
  await rm(c);
  await expect(rm(c)).rejects.toMatchObject({ code: "ENOENT" });
  await rm(c, { force: true });
});
