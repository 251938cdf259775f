/** `durascope play`: the models run again on this machine, for what the file has not. */

import type { Pack } from "./document.ts";
import { type Trace, Traces } from "./time/trace.ts";

export interface Problem {
  readonly place: string;
  readonly message: string;
  readonly fix?: string | null;
  readonly severity?: string;
}

export interface Question {
  readonly yaml?: string;
  readonly story: string;
  readonly engine: string;
  /** Phrases, or faults as in a scenario. */
  readonly faults: readonly (string | object)[];
}

export type Answer = { readonly trace: number; readonly phrase: string } | { readonly problem: string };

/** Traces that were computed are numbered from here, beyond all that a file has. */
const COMPUTED = 1_000_000;

export class LiveModel {
  private readonly computed: Trace[] = [];
  /** The scenario as it was edited; undefined: as it was opened. */
  yaml: string | undefined;

  constructor(private readonly token: string) {}

  trace(index: number): Trace | undefined {
    return this.computed[index - COMPUTED];
  }

  async simulate(question: Question): Promise<Answer> {
    const yaml = question.yaml ?? this.yaml;
    try {
      const answer = (await this.post("simulate", { ...question, ...(yaml === undefined ? {} : { yaml }) })) as {
        traces?: Pack;
        phrase?: string;
        problems?: readonly Problem[];
      };
      if (!answer.traces || answer.traces.traces.length.length === 0) {
        return { problem: answer.problems?.[0]?.message ?? "The model gave no answer." };
      }
      const trace = new Traces(answer.traces).get(0);
      if (question.yaml !== undefined) this.yaml = question.yaml;
      return { trace: COMPUTED + this.computed.push(trace) - 1, phrase: answer.phrase ?? "" };
    } catch {
      return { problem: "“durascope play” is no longer answering: is it still running?" };
    }
  }

  async check(yaml: string): Promise<readonly Problem[]> {
    const answer = (await this.post("check", { yaml })) as { problems?: readonly Problem[] };
    return answer.problems ?? [];
  }

  private async post(path: string, body: object): Promise<unknown> {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: this.token, ...body }),
    });
    return answer.json();
  }
}
