// A process of its own: a POP3 server that does so little for each message that the client is the slower one.
import { createServer } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { AddressInfo } from "node:net";
import { makeCertificate } from "popwright/testing";
import { LoadSession } from "./load-session.ts";

/** What the process says when it is ready. */
export interface LoadServerReady {
  readonly port: number;
  readonly tlsPort: number;
  /** The certificate to trust (PEM). */
  readonly ca: string;
}

const { key, cert } = makeCertificate();
const plain = createServer((socket) => new LoadSession(socket, "ready"));
const tls = createTlsServer({ key, cert }, (socket: TLSSocket) => {
  // So that a client's measure can be sure of what it measures.
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
