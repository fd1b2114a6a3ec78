// Whatever words a server, a proxy, a certificate or a file name has, no secret and no invisible character of them
// is seen in an error, its JSON or inspection, the log, a trace or a recording.
import { expect, test } from "vitest";
import { IN_SESSION, OUTSIDE } from "../../support/foreign-places.ts";
import { showsNothing } from "../../support/foreign-words.ts";

test("in 34 places of a session", async () => {
  expect(Object.keys(IN_SESSION)).toHaveLength(34);
  await showsNothing(IN_SESSION, 340);
});

test("in proxies, certificates and file names", async () => {
  const { "a file name in a report": file, "the name of a ledger": ledger, ...network } = OUTSIDE;
  await showsNothing(network, 20);
  // A file name is the user's own: only what is invisible in it is not shown.
  await showsNothing({ file, ledger } as typeof OUTSIDE, 20, "invisible");
});
