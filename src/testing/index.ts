/** What "popwright/testing" exports, nothing else. */
export { makeCertificate, type Certificate, type CertificateOptions } from "./certificate.ts";
export type { Fault } from "./faults.ts";
export type { Maildrop, StoredMessage } from "./maildrop.ts";
export type { Exchange, ServerMechanism } from "./mechanisms.ts";
export type { CapabilityQuestion, Pop3ServerOptions, Pop3ServerUser } from "./options.ts";
export { Pop3Server } from "./server.ts";
export type { SessionState } from "./session.ts";
export type { Transcript } from "./transcript.ts";
