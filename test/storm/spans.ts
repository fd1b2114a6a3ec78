// Times during which something was the case, and how much of a gap they explain.

/** Milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Notes when something begins and ends. */
export class Spans {
  readonly #spans: { readonly from: number; to: number }[] = [];

  /** Begins a span. Call the result to end it. */
  begin(): () => void {
    const span = { from: Date.now(), to: Infinity };
    this.#spans.push(span);
    return () => void (span.to = Date.now());
  }

  add(span: Span): void {
    this.#spans.push({ ...span });
  }

  get all(): readonly Span[] {
    return this.#spans;
  }

  /** Whether one of them has this time in it, or has ended less than `grace` milliseconds before. */
  covers(at: number, grace: number): boolean {
    return this.#spans.some(({ from, to }) => from <= at && at <= to + grace);
  }
}

/** Returns how many milliseconds of a span the others cover together. */
export function coveredBy({ from, to }: Span, others: readonly Span[]): number {
  const sorted = [...others].sort((a, b) => a.from - b.from);
  let covered = 0;
  let at = from;
  for (const other of sorted) {
    const begin = Math.max(at, other.from);
    const end = Math.min(to, other.to);
    if (end <= begin) continue;
    covered += end - begin;
    at = end;
  }
  return covered;
}

/** Returns the times that are in a span of each list. */
export function inAllOf(lists: readonly (readonly Span[])[]): readonly Span[] {
  return lists.reduce((common, list) =>
    common.flatMap((one) =>
      list.flatMap((other) => {
        const [from, to] = [Math.max(one.from, other.from), Math.min(one.to, other.to)];
        return from < to ? [{ from, to }] : [];
      }),
    ),
  );
}
