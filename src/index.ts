// The exports of `popwright`: the client, the pool, their options and the errors.
export { explain, type Pop3Attempt, type Pop3Explanation } from "./advice/explain.ts";
export type { Pop3VerifyReport, Pop3VerifyStep, VerifyOptions } from "./advice/verification.ts";
export { wellKnown, type WellKnownProvider } from "./advice/well-known.ts";
export type { AccessToken, Pop3Auth, Secret } from "./options/auth.ts";
export { apopDigest } from "./auth/apop.ts";
export type { ChannelBinding } from "./auth/choice.ts";
export type {
  ChannelBindingType,
  Credentials,
  SaslContext,
  SaslExchange,
  SaslMechanism,
  ScramOptions,
} from "./auth/mechanism.ts";
export { Pop3Client } from "./client.ts";
export type { Pop3CommandOptions, CommandReply, Pop3ClientEvents } from "./client.ts";
export type { CallOptions, ResponseOptions } from "./options/call.ts";
export type { Duration, DurationText } from "./options/duration.ts";
export {
  Pop3AbortError,
  Pop3ConnectionError,
  Pop3Error,
  Pop3HostBusyError,
  Pop3ProtocolError,
  Pop3ReplyError,
  type OAuthRefusal,
  type AnyPop3Error,
  type Pop3CallErrorCode,
  type Pop3ConnectionErrorCode,
  type Pop3ErrorCode,
  type Pop3ErrorDetails,
  type Pop3ProtocolErrorCode,
  type Pop3ReplyErrorCode,
} from "./errors.ts";
export type { Pop3Message } from "./session/message.ts";
export type { SocketSource } from "./net/dial.ts";
export type { Pop3LogArea, Pop3LogFacts, Pop3Logger } from "./net/log.ts";
export type { Pop3MalformedTrace, Pop3Trace, Pop3TracePeer } from "./net/trace.ts";
export type { Pop3ClientOptions, Pop3Limits, Pop3Timeouts, Pop3Window } from "./options/client.ts";
export { Pop3Pool } from "./pool/pool.ts";
export type { Pop3PoolOptions, UseOptions } from "./pool/options.ts";
export type { HostPlace, HostPlaces, PlaceOutcome, PlaceRequest } from "./pool/places.ts";
export type { Pop3PoolStatistics } from "./pool/statistics.ts";
export type { Pop3PoolTrace } from "./pool/trace.ts";
export type { Capabilities, Expire, LoginDelay } from "./protocol/capabilities.ts";
export type { Language, Pop3State } from "./protocol/commands.ts";
export type { ListingMode } from "./protocol/listing-block.ts";
export type { MaildropStat } from "./protocol/listings.ts";
export type { MalformedLine, MalformedReason } from "./protocol/malformed-line.ts";
export type { Pop3Retrieval, RetrieveOptions } from "./session/retrieval.ts";
export type { Pop3Pipelining } from "./session/pipelining-mode.ts";
export type { Pop3TlsInfo } from "./session/session.ts";
export type { Pop3ClientStatistics } from "./session/statistics.ts";
export { parseUrl, type UrlOptions } from "./options/url.ts";
export { isTemporary } from "./retry.ts";
