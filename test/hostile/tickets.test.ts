// With TLS 1.3 the tickets of a session can arrive after the server's first octets, even if these end the
// session.
import { once } from "node:events";
import * as net from "node:net";
import { TLSSocket } from "node:tls";
import { expect, test } from "vitest";
import { Pop3Client } from "popwright";
import { codeOf } from "../support/outcome.ts";
import { SECRET } from "../support/secret.ts";
import { certificate } from "../support/certificate.ts";
import { watchEachTest } from "./witness.ts";

watchEachTest();

test.each([
  ["-ERR not now\r\n", "POP3_GREETING_REJECTED"],
  ["+OK hello\r\n+OK hello\r\n", "POP3_UNSOLICITED"],
  ["HTTP/1.1 400 Bad Request\r\n", "POP3_BAD_GREETING"],
])("the connection closes after %j, also if the tickets arrive with it", async (greeting, code) => {
  const server = net.createServer((socket) => {
    socket.on("error", () => undefined);
    const stream = new TLSSocket(socket, { isServer: true, ...certificate });
    stream.on("error", () => undefined);
    // In the same turn, the greeting goes out ahead of the tickets, and in one packet with them.
    stream.once("secure", () => stream.write(greeting));
    stream.resume();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const client = new Pop3Client({
    ...{ host: "127.0.0.1", port, tls: { ca: certificate.cert } },
    auth: { user: "ann", pass: SECRET },
  });
  expect(await codeOf(client.connect())).toBe(code);
  server.close();
  await once(server, "close");
});
