// Shows the built site on this machine.
import type { AddressInfo } from "node:net";
import { serve } from "./site.ts";

const server = await serve(Number(process.env["PORT"] ?? 5173));
console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
