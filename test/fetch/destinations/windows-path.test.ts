// Paths that are not possible on Windows are refused there, and nowhere else.
import { describe, expect, test } from "vitest";
import { checkPath } from "../../../src/fetch/destinations/windows-path.ts";

describe("on Windows", () => {
  test.each([
    [String.raw`C:\Mail\ann@pop.example.com:995`, 'replace ":" in the name'],
    ["./Mail/ann@pop.example.com:995.mbox", 'replace ":"'],
    [String.raw`C:\a?b`, 'replace "?"'],
    ["a\tb", String.raw`replace "\t"`],
    ["Mail/nul.mbox", '"nul.mbox" is the name of a device'],
    ["Mail/AUX", '"AUX" is the name of a device'],
    ["Mail/com1.x/new", '"com1.x" is the name of a device'],
    ["Mail/ann./new", "a name must not end with a dot or a space"],
    ["Mail/ann /new", "a name must not end with a dot or a space"],
  ])("%j: %s", (path, words) => {
    expect(() => checkPath(path, true)).toThrow(
      expect.objectContaining({
        name: "DestinationError",
        down: true,
        message: expect.stringContaining(words) as string,
      }),
    );
    checkPath(path, false);
  });

  test.each([
    String.raw`C:\Mail\new`,
    "C:Mail",
    "C:/Mail/",
    String.raw`\\server\share\Mail`,
    String.raw`\\?\C:\Mail`,
    "../Mail/./new",
    "Mail/console/comma/.hidden.mbox",
    "Mail/ann@pop.example.com-995",
  ])("%j is a path", (path) => {
    checkPath(path, true);
  });
});
