// The hosts of the fleet's benchmark: embedded servers in a process of their own, with empty maildrops.
import { constants } from "node:crypto";
import { Pop3Server } from "popwright/testing";
import { boxOf, HOSTS, order, PASS } from "./settings.ts";

const { mailboxes, tls, cert, key } = order();
const all = Array.from({ length: mailboxes }, (_, number) => boxOf(number));
// Without tickets, Node resumes nothing.
const secureOptions = tls === "full" ? constants.SSL_OP_NO_TICKET : 0;

const servers = await Promise.all(
  HOSTS.map((host, number) =>
    Pop3Server.listen({
      host,
      users: Object.fromEntries(
        all.filter((box) => box.host === number).map(({ id }) => [id, { pass: PASS }]),
      ),
      ...(tls === "none" ? {} : { tls: { cert, key, secureOptions } }),
    }),
  ),
);
process.once("disconnect", () => process.exit());
process.send?.(servers.map(({ port }) => port));
