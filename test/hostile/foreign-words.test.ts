// Thousands of random words of servers, proxies and certificates, in sessions and command lines: see test/client/session/foreign-words.test.ts.
import { test } from "vitest";
import { IN_SESSION, OUTSIDE } from "../support/foreign-places.ts";
import { COMMAND_LINES } from "../cli/foreign-lines.ts";
import { showsNothing } from "../support/foreign-words.ts";

test("2,000 words in a session show nothing", async () => {
  await showsNothing(IN_SESSION, 2000);
});

test("100 words in proxies and certificates show nothing", async () => {
  const { "a file name in a report": file, "the name of a ledger": ledger, ...network } = OUTSIDE;
  await showsNothing(network, 100);
  await showsNothing({ file, ledger } as typeof OUTSIDE, 100, "invisible");
});

test("500 words in command lines show nothing", async () => {
  await showsNothing(COMMAND_LINES, 500, "passwords");
});
