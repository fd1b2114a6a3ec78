// A separate process: a POP3 server that does so little work for each message that the client is the
// bottleneck.
import { createServer } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { AddressInfo } from "node:net";
import { makeCertificate } from "popwright/testing";
import { LoadSession } from "./load-session.ts";

/** The message of this process when it is ready. */
export interface LoadServerReady {
  readonly port: number;
  readonly tlsPort: number;
  /** The certificate to trust (PEM). */
  readonly ca: string;
}

const { key, cert } = makeCertificate();
const plain = createServer((socket) => new LoadSession(socket, "ready"));
const tls = createTlsServer({ key, cert }, (socket: TLSSocket) => {
  // The greeting tells whether the TLS session was resumed, so that a client can check it.
  new LoadSession(socket, socket.isSessionReused() ? "ready, resumed" : "ready");
});
tls.on("tlsClientError", (_error, socket) => socket.destroy());

plain.listen({ port: 0, host: "127.0.0.1", backlog: 2048 }, () => {
  tls.listen({ port: 0, host: "127.0.0.1", backlog: 2048 }, () => {
    const ready: LoadServerReady = {
      port: (plain.address() as AddressInfo).port,
      tlsPort: (tls.address() as AddressInfo).port,
      ca: cert,
    };
    process.send?.(ready);
  });
});
process.once("disconnect", () => process.exit());
