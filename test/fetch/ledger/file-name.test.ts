// The names of the files of a mailbox. They are on disks: a name that changes loses a ledger.
import { expect, test } from "vitest";
import { fileName } from "../../../src/fetch/ledger/file-name.ts";

test.each([
  ["ann@pop.example.com:995", "ann@pop.example.com-995.542fc965edeac1d2"],
  ["Ann@pop.example.com:995", "Ann@pop.example.com-995.87fddc89ec705e2e"],
  ["a+b_c-1@h", "a+b_c-1@h.af6af1f1c1096896"],
  ["ä@b", "@b.18454d8b213039c6"],
  ["..hidden", "hidden.27b2a250c55026b9"],
  ["-.-", "mailbox.c3ba3324f63668d3"],
  ["///", "mailbox.732c4e9711639ed1"],
  ["x".repeat(100), `${"x".repeat(80)}.09ecb6ebc8bcefc7`],
])("of %s", (mailbox, name) => {
  expect(fileName(mailbox)).toBe(name);
});
