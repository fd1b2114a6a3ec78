// Reports whether a folder of an IMAP server can take mail, without changing anything.
import { authority } from "../../../net/authority.ts";
import { checkSignal, argumentError } from "../../../options/checks.ts";
import { throwIfAborted } from "../../../net/failures.ts";
import { messageOf } from "../../../protocol/foreign-error.ts";
import { printable } from "../../../protocol/printable.ts";
import type { DestinationCheck, DestinationCheckLine } from "../destination-check.ts";
import { asRefusedSignIn, isRefusedSignIn } from "../refused-sign-in.ts";
import type { Appender } from "./appender.ts";
import type { ImapSettings } from "./imap-options.ts";
import type { ImapSession } from "./imap-session.ts";

/** Rejects only if the signal is aborted. */
export async function checkFolder(
  settings: ImapSettings,
  appender: Appender,
  signal: AbortSignal | undefined,
): Promise<DestinationCheck> {
  checkSignal("signal", signal, argumentError);
  const lines: DestinationCheckLine[] = [];
  /** The step that is tried. */
  let name = "journal";
  const ok = (text: string): void => void lines.push({ name, ok: true, text });
  try {
    await appender.has("");
    ok(printable(settings.state));
    name = "sign-in";
    await appender.once(signal, async (session) => {
      ok(`${printable(settings.user)} at ${printable(authority(settings))}, ${SECURITY[settings.security]}`);
      name = "folder";
      ok(await folderText(settings, session));
      name = "quota";
      ok(await quotaText(session));
      name = "server";
      ok(abilities(session, settings.limit));
    });
  } catch (error) {
    throwIfAborted(signal);
    const text = messageOf(error);
    const line = { name, ok: false, text: printable(text) };
    lines.push(isRefusedSignIn(error) ? asRefusedSignIn(line) : line);
  }
  return { lines };
}

const SECURITY: Readonly<Record<ImapSettings["security"], string>> = {
  tls: "TLS",
  starttls: "STARTTLS",
  none: "in clear text",
};

async function folderText({ folder }: ImapSettings, session: ImapSession): Promise<string> {
  const name = printable(folder.join("/"));
  const status = await session.status();
  if (status === undefined) return `${name} does not exist yet: the first message creates it`;
  const { messages } = status;
  return messages === undefined ? name : `${name}, ${messages} messages`;
}

async function quotaText(session: ImapSession): Promise<string> {
  const quota = await session.quota();
  if (quota === undefined) return "the server reports none";
  const { usage, limit } = quota;
  return `${megabytes(usage)} of ${megabytes(limit)} MB are used`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 10e6 ? 1 : 0);
}

function abilities({ capabilities }: ImapSession, limit: number): string {
  const numbers = capabilities.has("UIDPLUS")
    ? "reports UIDs (UIDPLUS)"
    : "does not report UIDs: equal messages are counted";
  const most = capabilities.get("APPENDLIMIT");
  return typeof most === "number" && most < limit
    ? `${numbers}; takes messages up to ${megabytes(most)} MB`
    : numbers;
}
