// A measure makes tables; the command line runs those that are wished, one after the other.
import type { Plan } from "../plan.ts";
import type { Stage } from "../stage.ts";
import type { Table } from "../table.ts";

export interface Measure {
  /** As the command line names it. */
  readonly name: string;
  run(stage: Stage, plan: Plan): Promise<Table[]>;
}
