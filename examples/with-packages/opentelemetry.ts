// Spans of OpenTelemetry for all that popwright does: run, message, session and command, each below the span that was
// active when it began. Prints them; give another exporter to the provider to send them elsewhere.
//
// POP3_URL   pop3s://user:password@host; percent-encode special characters
// STATE      the directory that remembers what was handled; default: state
import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, tracingChannel } from "node:diagnostics_channel";
import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type ContextManager,
  type Span,
} from "@opentelemetry/api";
import { BasicTracerProvider, ConsoleSpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { Pop3Error, type Pop3Trace } from "popwright";
import { fetchMail, FileLedger, type Pop3FetchTrace, type Pop3MessageTrace } from "popwright/fetch";
import { parseHeaders } from "popwright/parse";
import { setting } from "../setting.ts";

/** The usual context manager, but a channel of popwright can set its store, too. */
class Contexts implements ContextManager {
  readonly store: AsyncLocalStorage<Context> = new AsyncLocalStorage();
  active(): Context {
    return this.store.getStore() ?? ROOT_CONTEXT;
  }
  with: ContextManager["with"] = (active, work, self, ...args) =>
    this.store.run(active, () => work.apply(self as ThisParameterType<typeof work>, args));
  bind<T>(active: Context, target: T): T {
    if (typeof target !== "function") return target;
    return ((...args: unknown[]): unknown =>
      this.store.run(active, () => Reflect.apply(target, undefined, args) as unknown)) as T;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    this.store.disable();
    return this;
  }
}

const contexts = new Contexts();
const provider = new BasicTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(new ConsoleSpanExporter())],
});
context.setGlobalContextManager(contexts);
trace.setGlobalTracerProvider(provider);
const tracer = trace.getTracer("popwright");

/** Makes a span of each call that a channel publishes. Commands give their spans their own names. */
function traceChannel(name: string, what: string): void {
  const spans = new WeakMap<object, Span>();
  // The context that is returned here is active during the call, so what happens within the call is below its span.
  tracingChannel<Context, Trace>(name).start.bindStore(contexts.store, (message) => {
    const command = "command" in message ? /^[A-Z]+/.exec(message.command ?? "") : null;
    const span = tracer.startSpan(`POP3 ${command?.[0] ?? what}`, {
      kind: SpanKind.CLIENT,
      attributes: {
        "network.protocol.name": "pop3",
        "server.address": message.serverAddress,
        "server.port": message.serverPort,
      },
    });
    spans.set(message, span);
    return trace.setSpan(context.active(), span);
  });
  subscribe(`tracing:${name}:asyncEnd`, (message) => {
    const { received, error } = message as Trace;
    const span = spans.get(message as Trace);
    span?.setAttribute("pop3.received", received);
    if (error !== undefined) {
      span?.setAttribute("error.type", Pop3Error.is(error) ? error.code : "_OTHER");
      span?.setStatus({ code: SpanStatusCode.ERROR });
    }
    span?.end();
  });
}

type Trace = Pop3Trace | Pop3FetchTrace | Pop3MessageTrace;
traceChannel("popwright:fetch", "fetch");
traceChannel("popwright:message", "message");
traceChannel("popwright:session", "connect");
traceChannel("popwright:command", "greeting");

const account = setting("POP3_URL");
await tracer.startActiveSpan("import", async (span) => {
  await fetchMail(account, {
    ledger: new FileLedger(setting("STATE", "state")),
    // A span of your own within the message.
    destination: ({ octets }) =>
      tracer.startActiveSpan("store", async (own) => {
        own.setAttribute("subject.length", (await parseHeaders(octets)).get("subject")?.length ?? 0);
        own.end();
      }),
  });
  span.end();
});
await provider.shutdown();
