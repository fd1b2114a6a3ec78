// The exports of "popwright/node-pop3": a class with the interface of the package node-pop3, over our client. CommonJS gets
// the class itself from `require`, as from node-pop3.
export type * from "../index.ts";
export type { NodePop3Answer, NodePop3Events } from "./pop3-command.ts";
export type { NodePop3EventName } from "./event-name.ts";
export type { NodePop3Options } from "./options.ts";
export { Pop3Command as default } from "./pop3-command.ts";
