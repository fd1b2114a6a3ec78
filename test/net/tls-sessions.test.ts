// What is remembered of a TLS connection on runtimes that differ from Node.
import { EventEmitter } from "node:events";
import type { TLSSocket } from "node:tls";
import { expect, test } from "vitest";
import { certificateOf, rememberSessions } from "../../src/net/tls-sessions.ts";

/** A socket whose handshake is done, and which shows this as the server's certificate. */
function secured(certificate: object | null): TLSSocket {
  const socket = Object.assign(new EventEmitter(), {
    authorized: true,
    getPeerCertificate: () => certificate,
  }) as unknown as TLSSocket;
  rememberSessions(socket, {}, "mail.test 995 mail.test");
  socket.emit("secureConnect");
  socket.emit("session", Buffer.from("a session"));
  return socket;
}

test("returns no certificate for a socket that was closed within the handshake", () => {
  expect(certificateOf(secured(null))).toBeUndefined();
  expect(certificateOf(secured({}))).toBeUndefined();
});

test("returns a certificate as a Buffer if the runtime gives a Uint8Array", () => {
  const around = Uint8Array.from([9, 1, 2, 3, 9]);
  const certificate = certificateOf(secured({ raw: around.subarray(1, 4) }));
  expect(certificate).toBeInstanceOf(Buffer);
  expect(certificate).toEqual(Buffer.from([1, 2, 3]));
});
