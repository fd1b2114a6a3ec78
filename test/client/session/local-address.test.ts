// From which address of this machine a connection comes: each one of a list in turn, for each host, also with a proxy.
import * as net from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { Pop3Client, Pop3Pool } from "../../../src/index.ts";
import { auth, listen, to } from "../../support/ann.ts";
import { ProxyServer, tunnelTo } from "../../support/proxy-server.ts";

afterEach(() => vi.restoreAllMocks());

const LIST = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];

/** Records from where each connection should come. It comes from 127.0.0.1, the only address that each machine has. */
function watchAddresses(): (string | undefined)[] {
  const from: (string | undefined)[] = [];
  const connect = Reflect.get(net.Socket.prototype, "connect") as (...given: unknown[]) => net.Socket;
  vi.spyOn(net.Socket.prototype, "connect").mockImplementation(function (this: net.Socket, ...given) {
    const [options] = given as unknown as [net.TcpNetConnectOpts];
    if (options.localAddress === undefined) return connect.apply(this, given);
    from.push(options.localAddress);
    return connect.call(this, { ...options, localAddress: "127.0.0.1" });
  });
  return from;
}

test("each connection to a host comes from the next address of the list", async () => {
  await using server = await listen();
  const from = watchAddresses();
  for (let session = 0; session < 4; session++) {
    const client = await Pop3Client.connect(to(server, { auth, localAddress: [...LIST] }));
    await client.quit();
  }
  expect(from).toEqual([...LIST, LIST[0]]);
});

test("a pool uses each address of the list in turn", async () => {
  await using server = await listen();
  const from = watchAddresses();
  await using pool = new Pop3Pool();
  const account = to(server, { auth, localAddress: LIST.slice(1), host: "localhost" });
  for (let use = 0; use < 3; use++) await pool.use({ ...account }, (client) => client.noop());
  expect(from).toEqual([LIST[1], LIST[2], LIST[1]]);
});

test("with a proxy, the connections to the proxy come from the addresses", async () => {
  await using server = await listen();
  await using proxy = await ProxyServer.listen(tunnelTo(server.port));
  const from = watchAddresses();
  const url = `http://localhost:${proxy.port}`;
  for (let session = 0; session < 2; session++) {
    const client = await Pop3Client.connect(to(server, { auth, localAddress: LIST, proxy: url }));
    await client.quit();
  }
  expect(from).toEqual(LIST.slice(0, 2));
});

test("an address that is not one of this machine is a failure to connect", async () => {
  await using server = await listen();
  await expect(Pop3Client.connect(to(server, { auth, localAddress: "192.0.2.1" }))).rejects.toMatchObject({
    code: "POP3_CONNECT",
  });
});
