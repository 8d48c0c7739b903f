import { logStepKey, type LogStep } from '@image-factory/domain';
import type { StepBuffer } from './step-buffer.js';

/** One buffer for each step that is read, found by its execution too: there are thousands, and each execution has a few. */
export class StepBuffers {
  readonly #byExecution = new Map<string, Map<string, StepBuffer>>();

  get(executionId: string, step: LogStep): StepBuffer | undefined {
    return this.#byExecution.get(executionId)?.get(logStepKey(step));
  }

  /** Takes the place of the one that the step had. */
  set(executionId: string, step: LogStep, buffer: StepBuffer): void {
    const steps = this.#byExecution.get(executionId) ?? new Map<string, StepBuffer>();
    this.#byExecution.set(executionId, steps.set(logStepKey(step), buffer));
  }

  delete(executionId: string, step: LogStep): void {
    const steps = this.#byExecution.get(executionId);
    steps?.delete(logStepKey(step));
    if (steps?.size === 0) this.#byExecution.delete(executionId);
  }

  /** Takes out those of the execution under this lease. */
  takeOf(executionId: string, token: string | undefined): readonly StepBuffer[] {
    const steps = this.#byExecution.get(executionId);
    const taken: StepBuffer[] = [];
    for (const [key, buffer] of steps ?? []) {
      if (buffer.target.fence.token !== token) continue;
      taken.push(buffer);
      steps?.delete(key);
    }
    if (steps?.size === 0) this.#byExecution.delete(executionId);
    return taken;
  }

  /** Takes all out. */
  takeAll(): readonly StepBuffer[] {
    const taken = [...this.#byExecution.values()].flatMap((steps) => [...steps.values()]);
    this.#byExecution.clear();
    return taken;
  }
}
