// OpenTelemetry by its own packages: of two calls that overlap, each has its span under its own parent.
import { tracingChannel, type TracingChannel } from "node:diagnostics_channel";
import { context, SpanKind, SpanStatusCode, trace, type Span } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AsyncLocalStorage } from "node:async_hooks";
import { Pop3Error, Pop3Pool, type Pop3Trace } from "../../../src/index.ts";
import { Pop3Server } from "../../../src/testing/index.ts";

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const tracer = provider.getTracer("popwright");
const manager = new AsyncLocalStorageContextManager().enable();
const commands: TracingChannel<unknown, Pop3Trace> = tracingChannel("popwright:command");
const spans = new WeakMap<object, Span>();

/** As a program does it: a span for each command, in the context that OpenTelemetry keeps in a store of its own. */
const subscriber = {
  start: () => undefined,
  end: () => undefined,
  asyncStart: () => undefined,
  error: () => undefined,
  asyncEnd: (message: Pop3Trace): void => {
    const span = spans.get(message);
    span?.setAttribute("pop3.received", message.received);
    if (Pop3Error.is(message.error)) {
      span?.setAttribute("error.type", message.error.code);
      span?.setStatus({ code: SpanStatusCode.ERROR });
    }
    span?.end();
  },
};
// The store of the context manager, as instrumentations use it.
const store = (manager as unknown as { readonly _asyncLocalStorage: AsyncLocalStorage<unknown> })
  ._asyncLocalStorage;

beforeEach(() => {
  exporter.reset();
  context.setGlobalContextManager(manager);
  commands.start.bindStore(store, (message) => {
    const { command = "", serverAddress, serverPort, session } = message;
    const attributes = {
      "server.address": serverAddress,
      "server.port": serverPort,
      "pop3.session": session,
    };
    const name = `POP3 ${command.split(" ", 1)[0] ?? ""}`;
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, context.active());
    spans.set(message, span);
    return trace.setSpan(context.active(), span);
  });
  commands.subscribe(subscriber);
});
afterEach(() => {
  commands.unsubscribe(subscriber);
  commands.start.unbindStore(store);
  context.disable();
});

test("two calls that overlap: each span is under its own parent", async () => {
  const users = {
    ann: { pass: "secret", messages: ["1\r\n"] },
    bob: { pass: "secret", messages: ["2\r\n"] },
  };
  await using server = await Pop3Server.listen({ users });
  await using pool = new Pop3Pool();
  const { host, port } = server;
  const job = (user: string): Promise<void> =>
    context.with(trace.setSpan(context.active(), tracer.startSpan(`job of ${user}`)), async () => {
      const account = {
        host,
        port,
        secure: false,
        stls: "never",
        auth: { user, pass: "secret" },
        id: user,
      } as const;
      await pool.use(account, async (client) => {
        await Promise.all([client.retr(1), client.retr(9).catch(() => undefined), client.stat()]);
      });
      trace.getSpan(context.active())?.end();
    });
  await Promise.all([job("ann"), job("bob")]);

  const finished = exporter.getFinishedSpans();
  for (const user of ["ann", "bob"]) {
    const parent = finished.find(({ name }) => name === `job of ${user}`) as ReadableSpan;
    const children = finished.filter(
      ({ parentSpanContext }) => parentSpanContext?.spanId === parent.spanContext().spanId,
    );
    expect(new Set(children.map(({ attributes }) => attributes["pop3.session"]))).toEqual(new Set([user]));
    expect(children.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["POP3 CAPA", "POP3 RETR", "POP3 STAT", "POP3 QUIT"]),
    );
    const refused = children.find(({ attributes }) => attributes["error.type"] === "POP3_REFUSED");
    expect(refused?.name).toBe("POP3 RETR");
    // All that belongs to a session is below its job: no span is an orphan, or with the other job.
    const own = finished.filter(({ attributes }) => attributes["pop3.session"] === user);
    expect(own.length).toBe(children.length);
  }
});
