import { describe, expect, it } from "vitest";
import { times } from "../support/octets.ts";
import { parseMessageIds } from "../../src/parse/message-id.ts";

describe("parseMessageIds", () => {
  it.each([
    ["<1@example.com>", ["<1@example.com>"]],
    ["<1@a> <2@b>\t<3@c>", ["<1@a>", "<2@b>", "<3@c>"]],
    ["<1@a><2@b>,<3@c>", ["<1@a>", "<2@b>", "<3@c>"]],
    ['Your message of "Wed, 1 May 2024" <1@a>', ["<1@a>"]],
    ["<1\t@a .example>", ["<1@a.example>"]],
    ["<<1@a>", ["<1@a>"]],
    ["<1@a> <unfinished", ["<1@a>"]],
    ["abc> <1@a>", ["<1@a>"]],
    ["<1@a>b@c>", ["<1@a>"]],
    [",1@a,, 2@b,", ["<1@a>", "<2@b>"]],
    ["<a", []],
    ["1@a", ["<1@a>"]],
    ["1@a, 2@b", ["<1@a>", "<2@b>"]],
    ["abc", ["<abc>"]],
    ["Your message of yesterday", []],
    ["<>", []],
    ["< >", []],
    ["><", []],
    ["", []],
    [" ", []],
  ])("%s", (value, ids) => {
    expect(parseMessageIds(value)).toEqual(ids);
  });

  it("takes linear time", () => {
    for (const unit of ["<", ">", "< ", "<>", "a ", "@,"]) {
      expect(parseMessageIds(unit.repeat(times(500_000))).length).toBeLessThanOrEqual(1_000_000);
    }
  });
});
