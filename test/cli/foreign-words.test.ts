// Random words of servers, with secrets, escapes and invisible characters, in what the command line prints.
import { expect, test } from "vitest";
import { showsNothing } from "../support/foreign-words.ts";
import { COMMAND_LINES } from "./foreign-lines.ts";

test("17 command lines show neither a secret nor an invisible character", async () => {
  expect(Object.keys(COMMAND_LINES)).toHaveLength(17);
  await showsNothing(COMMAND_LINES, 170, "passwords");
});
