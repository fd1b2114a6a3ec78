// What "popwright/testing" exports, nothing else.
export type { Account, Accounts, Pop3ServerUser } from "./accounts.ts";
export { makeCertificate, type Certificate, type CertificateOptions } from "./certificate.ts";
export type { Fault } from "./faults.ts";
export type { Maildrop, StoredMessage } from "./maildrop.ts";
export type { Exchange, ServerMechanism } from "./mechanisms.ts";
export type { CapabilityQuestion, Pop3ServerOptions, SessionState } from "./options.ts";
export { Pop3Server } from "./server.ts";
export type { Transcript } from "./transcript.ts";
