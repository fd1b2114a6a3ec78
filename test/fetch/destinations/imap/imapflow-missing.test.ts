// Without the package imapflow, the destination is down, and the error says how to install it.
import { expect, test, vi } from "vitest";
import { ImapAppend } from "../../../../src/fetch/index.ts";
import { begun } from "../../../support/delivery.ts";
import { scratch } from "../../../support/scratch.ts";

vi.mock("imapflow", () => {
  throw new Error("Cannot find package 'imapflow'");
});

test("the error says how to install it", async () => {
  const destination = new ImapAppend("imaps://ann@127.0.0.1:1/INBOX", {
    state: await scratch(),
    auth: { password: "secret" },
  });
  await expect(begun(destination, "one")).rejects.toMatchObject({
    down: true,
    message: 'ImapAppend needs the package "imapflow": npm install imapflow',
  });
});
