// Delivers mail to a mail server by LMTP (RFC 2033). The server filters and stores it.
//
//   npm install nodemailer
//   const destination = lmtp({ host: "127.0.0.1", port: 24 }, "ann@example.com");
//
// LMTP ends each line with CRLF: a bare CR or LF becomes CRLF. The server does not know the key of a message:
// if this process dies between the server's answer and the entry in the ledger, the server gets the message
// twice.
import SMTPConnection from "nodemailer/lib/smtp-connection";
import { DestinationError, deliverTo, type Destination, type FetchedMessage } from "popwright/fetch";

/** The address of the server, and other options of nodemailer, such as TLS. */
export type LmtpServer = ConstructorParameters<typeof SMTPConnection>[0];

/** `recipient`: the address that gets the mail, or a function that returns it, usually from `mailbox`. */
export function lmtp(
  server: LmtpServer,
  recipient: string | ((message: FetchedMessage) => string),
): Destination {
  return deliverTo(async (message, signal) => {
    const to = typeof recipient === "string" ? recipient : recipient(message);
    await send({ ...server, lmtp: true }, to, message.octets, signal);
  });
}

/** Opens a connection for each message, as messages are rare. */
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
        // An empty sender: the server must not send bounces to anyone.
        else
          connection.send({ from: false, to: [to] }, octets, (no, sent) => {
            if (no) failed(no);
            // LMTP answers for each recipient: a refused message is not an error, but has no accepted
            // recipient.
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

/** 4yz: try again later. 5yz: the server refuses this message. 421 or no answer: the server is down. */
function asDestinationError(error: unknown): DestinationError {
  const { message, responseCode } = error as Error & { readonly responseCode?: number };
  return new DestinationError(message, {
    cause: error,
    down: responseCode === undefined || responseCode === 421,
    later: responseCode === undefined || responseCode < 500,
  });
}
