// Opens a socket to a server that does not speak POP3: by TCP, by TLS, or in the file system.
import * as net from "node:net";
import * as tls from "node:tls";
import { settle, type Clock } from "./settle.ts";

export interface SocketTarget {
  /** A Unix socket. If it is set, `host` and `port` have no meaning. */
  readonly path: string | undefined;
  readonly host: string;
  readonly port: number;
  /** Whether TLS starts with the first byte. */
  readonly secure: boolean;
  readonly tls: tls.ConnectionOptions;
}

/** Connects. Rejects with errors of the system and of TLS, with that of `clock`, and with `POP3_ABORTED`. */
export function openSocket(
  target: SocketTarget,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<net.Socket> {
  return settle<net.Socket>(signal, clock, (resolve, reject) => {
    const { path, host, port, secure } = target;
    const socket = secure ? openTls(target) : net.connect(path === undefined ? { host, port } : { path });
    // It stays: an error without a listener ends the process.
    socket.on("error", reject);
    socket.once(secure ? "secureConnect" : "connect", () => {
      resolve(socket);
    });
    return () => {
      socket.destroy();
    };
  });
}

function openTls({ host, port, tls: options }: SocketTarget): tls.TLSSocket {
  // An address is not a server name (RFC 6066 section 3).
  return tls.connect({ ...(net.isIP(host) === 0 && { servername: host }), ...options, host, port });
}
