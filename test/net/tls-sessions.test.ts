// What is remembered of a TLS connection on runtimes that differ from Node.
import { EventEmitter } from "node:events";
import type { TLSSocket } from "node:tls";
import { expect, test } from "vitest";
import { certificateOf, rememberedSession, rememberSessions } from "../../src/net/tls-sessions.ts";

/** A socket whose handshake is done, and which shows this as the server's certificate. */
function secured(certificate: object | null): TLSSocket {
  const socket = Object.assign(new EventEmitter(), {
    authorized: true,
    isSessionReused: () => false,
    getPeerCertificate: () => certificate,
  }) as unknown as TLSSocket;
  rememberSessions(socket, "mail.test 995 mail.test", undefined);
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

test("does not remember a session whose certificate is unknown, or has an end that cannot be read", () => {
  secured({});
  expect(rememberedSession("mail.test 995 mail.test")).toBeUndefined();
  secured({ raw: Buffer.from([1]), valid_to: "some day" });
  expect(rememberedSession("mail.test 995 mail.test")).toBeUndefined();
  secured({ raw: Buffer.from([1]), valid_to: new Date(Date.now() + 3_600_000).toUTCString() });
  expect(rememberedSession("mail.test 995 mail.test")).toMatchObject({ certificate: Buffer.from([1]) });
});

test("counts a session only until the first certificate of its chain ends", () => {
  const ending = (hours: number, issuerCertificate?: object): object => ({
    raw: Buffer.from([1]),
    valid_to: new Date(Date.now() + hours * 3_600_000).toUTCString(),
    issuerCertificate,
  });
  const root: Record<string, unknown> = { ...ending(5) };
  root["issuerCertificate"] = root;
  secured(ending(3, ending(2, root)));
  const { until = 0 } = rememberedSession("mail.test 995 mail.test") ?? {};
  expect(Math.round((until - Date.now()) / 3_600_000)).toBe(2);
});
