import { createSilentLogger, type Logger } from '@image-factory/telemetry';
import { describe, expect, it } from 'vitest';
import { LiveClusterNumbers } from './cluster-numbers.js';

const ENVIRONMENT = { healthIntervalMs: 30_000, healthTimeoutMs: 10_000 };

describe('the numbers in force', () => {
  it('are the environment’s until a file says others, and again when it no longer does', () => {
    const numbers = new LiveClusterNumbers(ENVIRONMENT, createSilentLogger());
    expect({ ...read(numbers) }).toEqual({ ...ENVIRONMENT, maxIdleMs: 600_000, maxClients: 50 });
    numbers.declare({ healthIntervalMs: 60_000, maxIdleMs: 1_000, maxClients: 3 });
    expect(read(numbers)).toEqual({
      healthIntervalMs: 60_000,
      healthTimeoutMs: 10_000,
      maxIdleMs: 1_000,
      maxClients: 3,
    });
    numbers.declare({});
    expect(read(numbers)).toEqual({ ...ENVIRONMENT, maxIdleMs: 600_000, maxClients: 50 });
  });

  it('never have a timeout that is not below the interval', () => {
    const errors: string[] = [];
    const logger = { error: (message: string) => errors.push(message) } as unknown as Logger;
    const numbers = new LiveClusterNumbers(ENVIRONMENT, logger);
    numbers.declare({ healthIntervalMs: 5_000, maxClients: 3 });
    expect(read(numbers)).toEqual({ ...ENVIRONMENT, maxIdleMs: 600_000, maxClients: 3 });
    expect(errors).toHaveLength(1);
  });
});

function read({ healthIntervalMs, healthTimeoutMs, maxIdleMs, maxClients }: LiveClusterNumbers): object {
  return { healthIntervalMs, healthTimeoutMs, maxIdleMs, maxClients };
}
