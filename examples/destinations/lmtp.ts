// Mail to a mail server, by LMTP (RFC 2033): what it has taken over it delivers, filters and keeps.
//
//   npm install nodemailer
//   const destination = lmtp({ host: "127.0.0.1", port: 24 }, "ann@example.com");
//
// LMTP ends each line in CRLF: a CR or LF by itself becomes one. The server knows no keys: should this process die
// between its answer and the ledger, the message comes to it twice.
import SMTPConnection from "nodemailer/lib/smtp-connection";
import { DestinationError, deliverTo, type Destination, type FetchedMessage } from "popwright/fetch";

/** Where the server is; see nodemailer for TLS. */
export type LmtpServer = ConstructorParameters<typeof SMTPConnection>[0];

/** `recipient`: who gets the mail, or a function that knows, by `mailbox` as a rule. */
export function lmtp(
  server: LmtpServer,
  recipient: string | ((message: FetchedMessage) => string),
): Destination {
  return deliverTo(async (message, signal) => {
    const to = typeof recipient === "string" ? recipient : recipient(message);
    await send({ ...server, lmtp: true }, to, message.octets, signal);
  });
}

/** A connection for each message: they come seldom. */
async function send(
  server: LmtpServer,
  to: string,
  octets: Buffer,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  const connection = new SMTPConnection(server);
  const close = (): void => connection.close();
  signal?.addEventListener("abort", close);
  try {
    await new Promise<void>((resolve, reject) => {
      const failed = (error: unknown): void => reject(asDestinationError(error));
      connection.on("error", failed);
      connection.on("end", () => failed(new Error("the connection was closed")));
      connection.connect((error) => {
        if (error) failed(error);
        // No sender: whatever the server has to say of it, nobody else is to hear.
        else
          connection.send({ from: false, to: [to] }, octets, (no, sent) => {
            if (no) failed(no);
            // LMTP answers for each recipient: a message that it refuses is no error here, but has nobody who gets it.
            else if (sent.accepted.length === 0) failed(refusal(sent.response));
            else resolve();
          });
      });
    });
    connection.quit();
  } finally {
    signal?.removeEventListener("abort", close);
    connection.close();
  }
}

function refusal(response: string): Error {
  return Object.assign(new Error(response), { responseCode: Number.parseInt(response, 10) });
}

/** 4yz: later. 5yz: it is this message. 421, or no answer at all: nobody is there. */
function asDestinationError(error: unknown): DestinationError {
  const { message, responseCode } = error as Error & { readonly responseCode?: number };
  return new DestinationError(message, {
    cause: error,
    down: responseCode === undefined || responseCode === 421,
    later: responseCode === undefined || responseCode < 500,
  });
}
