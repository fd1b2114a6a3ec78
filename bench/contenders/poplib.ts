// poplib, and its fork mailpop3: events, one command at a time, messages as strings.
import type { EventEmitter } from "node:events";
import { HOST, PASS, type Contender } from "./contender.ts";
import { peer } from "./peer.ts";

interface Poplib extends EventEmitter {
  login(user: string, pass: string): void;
  stat(): void;
  list(): void;
  uidl(): void;
  retr(message: number): void;
  quit(): void;
}
type PoplibClass = new (port: number, host: string, options: Record<string, unknown>) => Poplib;

function contender(name: string): Contender {
  return {
    name,
    async open({ port, ca, mailbox }) {
      const Client = await peer<PoplibClass>(name);
      // Neither client accepts a certificate to trust.
      const client = new Client(port, HOST, { enabletls: ca !== undefined, ignoretlserrs: true });
      /**
       * Runs a command and resolves with the arguments of its event. If refused, the first argument is
       * `false`.
       */
      const answer = <A extends unknown[]>(event: string, ask?: () => void): Promise<A> =>
        new Promise((resolve, reject) => {
          client.once(event, (...values: A) => {
            if (values[0] === false) reject(new Error(`${name}: ${event} was refused`));
            else resolve(values);
          });
          ask?.();
        });
      await answer("connect");
      await answer("login", () => {
        client.login(mailbox, PASS);
      });
      return {
        async prepare() {
          await answer("stat", () => {
            client.stat();
          });
        },
        async retrieve(count, take) {
          for (let number = 1; number <= count; number++) {
            const [, , message] = await answer<[boolean, number, string]>("retr", () => {
              client.retr(number);
            });
            take(message);
          }
        },
        async uidl() {
          const [, , entries] = await answer<[boolean, unknown, unknown]>("uidl", () => {
            client.uidl();
          });
          return entries;
        },
        async list() {
          const [, , , entries] = await answer<[boolean, number, unknown, unknown]>("list", () => {
            client.list();
          });
          return entries;
        },
        async quit() {
          await answer("quit", () => {
            client.quit();
          });
        },
      };
    },
  };
}

export const poplib: Contender = contender("poplib");
export const mailpop3: Contender = contender("mailpop3");
