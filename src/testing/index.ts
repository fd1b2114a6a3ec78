// The exports of "popwright/testing". Its contracts mention types of "popwright/fetch": they are exported here, too.
export type { Duration, DurationText } from "../options/checks.ts";
export type { Account, Accounts, Charset, Pop3ServerUser } from "./accounts.ts";
export { makeCertificate, type Certificate, type CertificateOptions } from "./certificate.ts";
export { crlf } from "./crlf.ts";
export type { Fault } from "./fault.ts";
export type { Listener, ListenerOptions } from "./listener.ts";
export type { Maildrop, Snapshot as MaildropSnapshot, StoredMessage } from "./maildrop.ts";
export type { ContractCase, ContractContext } from "./contracts/case.ts";
export { destinationContract } from "./contracts/destination-contract.ts";
export type { DestinationContractOptions } from "./contracts/destination/options.ts";
export { ledgerContract } from "./contracts/ledger-contract.ts";
export type { LedgerContractOptions } from "./contracts/ledger/options.ts";
export type {
  Committed,
  Delivery,
  DeliveryGroup,
  DeliveryWriter,
  Destination,
} from "../fetch/destinations/destination.ts";
export type {
  Ledger,
  LedgerChanges,
  LedgerEntry,
  LedgerMailbox,
  LedgerOpenOptions,
  LedgerSnapshot,
  MailboxLedger,
  MailboxState,
  MessageStatus,
} from "../fetch/ledger/ledger.ts";
export type { DigestMd5ServerOptions } from "./mechanisms/digest-md5.ts";
export type { Exchange, SaslSession, ServerMechanism, TlsFacts } from "./mechanisms/mechanism.ts";
export type { MechanismOptions } from "./mechanisms/index.ts";
export type { OAuthError } from "./mechanisms/oauth.ts";
export type { ScramServerOptions } from "./mechanisms/scram.ts";
export type { CapabilityQuestion, Pop3ServerOptions, SessionState } from "./options.ts";
export type { ReplayMismatch } from "./playback.ts";
export type { ReplayOptions, ReplayServer } from "./replay.ts";
export { Pop3Server, type Pop3ServerAccount } from "./server.ts";
export type { SessionTranscript, Transcript } from "./transcript.ts";
