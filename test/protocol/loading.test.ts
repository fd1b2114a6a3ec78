// Each module without sockets can be loaded by itself, with all its imports.
import { expect, test } from "vitest";

test.each([
  ["commands", () => import("../../src/protocol/commands.ts"), "stat"],
  ["replies", () => import("../../src/protocol/reply-reader.ts"), "ReplyReader"],
  ["blocks", () => import("../../src/protocol/dot-encoder.ts"), "blockPieces"],
  ["authentication", () => import("../../src/auth/choice.ts"), "chooseMethod"],
  ["APOP", () => import("../../src/auth/apop.ts"), "apopDigest"],
])("%s", async (_, load, name) => {
  expect(await load()).toHaveProperty(name);
});
