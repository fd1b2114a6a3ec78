// A command in one line is split into words, also with paths of Windows.
import { describe, expect, test } from "vitest";
import { wordsOfCommand } from "../../src/cli/fetch/command-words.ts";
import { withoutVariables } from "../../src/cli/environment.ts";
import { UsageError } from "../../src/cli/usage-error.ts";

describe("wordsOfCommand", () => {
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

  test("rejects an unclosed quote without showing the line", () => {
    expect(() => wordsOfCommand(`pass "secret`)).toThrow(UsageError);
    expect(() => wordsOfCommand(`pass "secret`)).toThrow(/^the command has an unclosed double quote$/);
  });
});

describe("withoutVariables", () => {
  const env = { POPWRIGHT_PASSWORD: "a", Popwright_Token: "b", PATH: "c", popwright_password: "d" };

  test("keeps the other variables", () => {
    expect(withoutVariables(env, ["POPWRIGHT_PASSWORD", "POPWRIGHT_TOKEN"], false)).toEqual({
      Popwright_Token: "b",
      PATH: "c",
      popwright_password: "d",
    });
  });

  test("removes every spelling of a name on Windows", () => {
    expect(withoutVariables(env, ["POPWRIGHT_PASSWORD", "popwright_TOKEN"], true)).toEqual({ PATH: "c" });
  });
});
