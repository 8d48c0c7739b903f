export interface DrainRequest {
  readonly jobs: number;
  readonly limitMs: number;
}

/** A queue with a backlog. A drain takes jobs and ends them; the figure is jobs per second. */
export interface QueueContender {
  readonly name: string;
  topUp(backlog: number): Promise<void>;
  drain(request: DrainRequest): Promise<number>;
  close(): Promise<void>;
}
