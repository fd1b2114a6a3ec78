// A program that must be ended is ended together with all processes that it has started, on every platform.
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { expect, test } from "vitest";
import { Command } from "../../../src/fetch/index.ts";
import { delivery } from "../../support/delivery.ts";
import { entryFor } from "../../support/ledger.ts";

/** Starts another process, which connects to a port and stays. */
const PARENT = `
  const child = "require('node:net').connect(" + process.argv[1] + ", '127.0.0.1')";
  require("node:child_process").spawn(process.execPath, ["-e", child], { stdio: "ignore" });
  setInterval(() => {}, 1000);
`;

test("ends a program together with the processes that it has started", async () => {
  await using server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const abort = new AbortController();
  const command = new Command(process.execPath, ["-e", PARENT, String(port)]);
  const writer = await command.begin(delivery("one"), abort.signal);
  const connected = once(server, "connection") as Promise<[Socket]>;
  const failed = expect(writer.commit(entryFor("a"))).rejects.toMatchObject({ code: "POP3_ABORTED" });
  const [socket] = await connected;
  socket.on("error", () => undefined).resume();
  const gone = once(socket, "close");
  abort.abort();
  await failed;
  await gone;
});
