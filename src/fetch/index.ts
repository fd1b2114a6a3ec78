// The exports of "popwright/fetch". Its options and errors mention types of "popwright": they are exported here, too.
export type * from "../index.ts";
export { Command, type CommandOptions } from "./destinations/command.ts";
export type {
  Committed,
  Delivery,
  DeliveryGroup,
  DeliveryWriter,
  Destination,
} from "./destinations/destination.ts";
export type { DestinationCheck, DestinationCheckLine } from "./destinations/destination-check.ts";
export { DestinationError, type DestinationErrorOptions } from "./destinations/destination-error.ts";
export { EmlFolder, type EmlFolderOptions } from "./destinations/eml-folder.ts";
export {
  deliverTo,
  type Deliver,
  type FetchedMessage,
  type FunctionOptions,
} from "./destinations/function.ts";
export { GmailImport } from "./destinations/gmail/gmail-import.ts";
export type { GmailImportOptions } from "./destinations/gmail/options.ts";
export { ImapAppend } from "./destinations/imap/imap-append.ts";
export type { ImapAppendOptions, ImapAuth, ImapSecret } from "./destinations/imap/imap-options.ts";
export { Lmtp, type LmtpOptions } from "./destinations/lmtp/lmtp.ts";
export type { LmtpAuth, StartTls } from "./destinations/lmtp/mail-server.ts";
export { Maildir, type MaildirOptions, type MaildirPath } from "./destinations/maildir.ts";
export { Mbox, type MboxOptions, type MboxPath } from "./destinations/mbox.ts";
export { Webhook, type WebhookOptions } from "./destinations/webhook.ts";
export type { FetchEvent, Listener } from "./events.ts";
export { fetchAll } from "./fetch-all.ts";
export { FetchError, type FetchErrorDetails } from "./fetch-error.ts";
export { fetchMail } from "./run/fetch-mail.ts";
export type { Pop3FetchTrace, Pop3MessageTrace } from "./run/trace.ts";
export { FileLedger, type FileLedgerOptions } from "./ledger/file-ledger.ts";
export { LedgerError, type LedgerErrorOptions } from "./ledger/ledger-error.ts";
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
} from "./ledger/ledger.ts";
export { MemoryLedger } from "./ledger/memory-ledger.ts";
export { contentKey, messageKey } from "./mailbox.ts";
export { newMail, type NewMailOptions, type NewMessage } from "./new-mail.ts";
export type { FetchAccount, FetchAllOptions, FetchOptions, FetchTarget } from "./options.ts";
export type { DeleteWhen, FetchPolicy, RunLimits } from "./plan/policy.ts";
export type { FixedPoll, PollPauses, RetryPauses } from "./plan/pauses.ts";
export type { Listed, MessageFailure, Skip } from "./plan/steps.ts";
export type { PlannedMessage, PlannedRun } from "./plan/planned.ts";
export type { ListingMode } from "../protocol/listing-block.ts";
export type { MalformedLine, MalformedReason } from "../protocol/malformed-line.ts";
export type { FailedMessage, FetchReport, SkippedMessage } from "./report.ts";
export type { FetchScope } from "./scope.ts";
export { verifyWebhook, type VerifiedWebhook, type VerifyWebhookOptions } from "./verify-webhook.ts";
