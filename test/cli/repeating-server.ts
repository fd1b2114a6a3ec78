// A server on loopback that repeats some words in everything that it says.
import type { Socket } from "node:net";
import { OctetServer } from "./octet-server.ts";

export interface RepeatingServer extends AsyncDisposable {
  readonly url: string;
}

export interface Habits {
  /** The greeting. @default "+OK " and the words */
  readonly greeting?: string;
  /** The command that is refused with the words. */
  readonly refuse?: string;
}

/** Starts the server. `words`: what it repeats, in UTF-8. */
export async function repeatingServer(
  words: string,
  { greeting = `+OK ${words}`, refuse }: Habits = {},
): Promise<RepeatingServer> {
  const uid = words.replaceAll(/[^!-~]/g, "").slice(0, 60);
  const answers: Readonly<Record<string, string>> = {
    CAPA: `+OK ${words}\r\nUIDL\r\nTOP\r\nUSER\r\nX-${uid} ${words}\r\nSASL ${words}\r\nIMPLEMENTATION ${words}\r\n.`,
    STAT: `+OK 2 200 ${words}`,
    LIST: `+OK ${words}\r\n1 100 ${words}\r\n2 100\r\n3 x${words}\r\n.`,
    UIDL: `+OK ${words}\r\n1 uid-${uid}\r\n2 other\r\n3 ${words} ${words}\r\n.`,
    RETR: `+OK ${words}\r\nSubject: ${words}\r\n\r\n${words}\r\n.`,
    TOP: `+OK ${words}\r\nSubject: ${words}\r\n\r\n.`,
  };
  const answer = (line: string): string => {
    const [command = ""] = line.split(" ", 1);
    return command === refuse ? `-ERR ${words}` : (answers[command] ?? `+OK ${words}`);
  };
  const server = await OctetServer.listen((socket: Socket) => {
    let text = "";
    socket.write(`${greeting}\r\n`);
    socket.on("data", (octets: Buffer) => {
      text += octets.toString("utf8");
      for (let end = text.indexOf("\r\n"); end !== -1; end = text.indexOf("\r\n")) {
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        socket.write(`${answer(line)}\r\n`);
        if (line === "QUIT") socket.end();
      }
    });
  });
  return {
    url: `pop3://annabel@127.0.0.1:${String(server.port)}?stls=never`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
