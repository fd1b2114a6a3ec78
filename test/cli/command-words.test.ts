// A command as one line: what its words are, with the paths of Windows, too.
import { describe, expect, test } from "vitest";
import { wordsOfCommand } from "../../src/cli/fetch/command-words.ts";
import { withoutVariables } from "../../src/cli/environment.ts";
import { UsageError } from "../../src/cli/usage.ts";

describe("a command in one line", () => {
  test.each([
    ["pass show mail", ["pass", "show", "mail"]],
    ["  pass   show\tmail ", ["pass", "show", "mail"]],
    [
      String.raw`C:\pass\pass.exe show mail\ann`,
      [String.raw`C:\pass\pass.exe`, "show", String.raw`mail\ann`],
    ],
    [String.raw`"C:\Program Files\pass.exe" show`, [String.raw`C:\Program Files\pass.exe`, "show"]],
    [String.raw`C:\"Program Files"\pass.exe`, [String.raw`C:\Program Files\pass.exe`]],
    [`pass --name="ann b" ""`, ["pass", "--name=ann b", ""]],
    ["pass 'a b'", ["pass", "'a", "b'"]],
  ])("%s", (line, words) => {
    expect(wordsOfCommand(line)).toEqual(words);
  });

  test("with a quote that is not closed is refused, and not shown", () => {
    expect(() => wordsOfCommand(`pass "secret`)).toThrow(UsageError);
    expect(() => wordsOfCommand(`pass "secret`)).toThrow(/^the command has an unclosed double quote$/);
  });
});

describe("an environment without some variables", () => {
  const env = { POPWRIGHT_PASSWORD: "a", Popwright_Token: "b", PATH: "c", popwright_password: "d" };

  test("has the others", () => {
    expect(withoutVariables(env, ["POPWRIGHT_PASSWORD", "POPWRIGHT_TOKEN"], false)).toEqual({
      Popwright_Token: "b",
      PATH: "c",
      popwright_password: "d",
    });
  });

  test("has none of them in another spelling on Windows, where that is the same variable", () => {
    expect(withoutVariables(env, ["POPWRIGHT_PASSWORD", "popwright_TOKEN"], true)).toEqual({ PATH: "c" });
  });
});
