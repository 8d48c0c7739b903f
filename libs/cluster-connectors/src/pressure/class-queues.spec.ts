import { describe, expect, it } from 'vitest';
import { ClassQueues, type Waiter } from './class-queues.js';
import { CLASS_SHARES, REQUEST_CLASSES, RESERVED_SLOTS, type RequestClass } from './request-class.js';

const waiter = (requestClass: RequestClass, stream = false): Waiter => ({ requestClass, stream, sinceMs: 0 });

/** Classes of the next grants, each released at once. */
function granted(queues: ClassQueues<Waiter>, count: number): RequestClass[] {
  return Array.from({ length: count }, () => {
    const next = queues.next(0);
    if (next === undefined) throw new Error('nobody is next');
    queues.grant(next);
    queues.release(next);
    return next.requestClass;
  });
}

function fill(queues: ClassQueues<Waiter>, classes: readonly RequestClass[], each: number): void {
  for (const one of classes) for (let index = 0; index < each; index += 1) queues.add(waiter(one));
}

describe('the queues of the request classes', () => {
  it('give each class that waits its part of the turns, whoever came first', () => {
    const queues = new ClassQueues<Waiter>(24);
    fill(queues, REQUEST_CLASSES, 100);
    const turns = granted(queues, 160);
    for (const one of REQUEST_CLASSES) {
      expect(turns.filter((turn) => turn === one)).toHaveLength(CLASS_SHARES[one].weight * 10);
    }
  });

  it('give what a class leaves to the others', () => {
    const queues = new ClassQueues<Waiter>(24);
    fill(queues, ['create'], 50);
    expect(granted(queues, 50)).toHaveLength(50);
  });

  it('give a class that comes late no more than its part, for all the time it did not ask', () => {
    const queues = new ClassQueues<Waiter>(24);
    fill(queues, ['create'], 90);
    granted(queues, 40);
    fill(queues, ['stop'], 50);
    expect(granted(queues, 14).filter((turn) => turn === 'create')).toHaveLength(8);
  });

  it('keep slots for every class, however many requests of another one hang', () => {
    const queues = new ClassQueues<Waiter>(24);
    fill(queues, ['create'], 50);
    let hanging = 0;
    for (let next = queues.next(0); next !== undefined; next = queues.next(0), hanging += 1) queues.grant(next);
    expect(hanging).toBe(24 - RESERVED_SLOTS + CLASS_SHARES.create.reservedSlots);
    for (const one of ['stop', 'sweep', 'status', 'logs', 'probe'] as const) {
      for (let index = 0; index < CLASS_SHARES[one].reservedSlots; index += 1) {
        queues.add(waiter(one));
        const next = queues.next(0);
        expect(next?.requestClass).toBe(one);
        if (next !== undefined) queues.grant(next);
      }
    }
    queues.add(waiter('stop'));
    expect(queues.next(0)).toBeUndefined();
  });

  it('let streams go without a slot', () => {
    const queues = new ClassQueues<Waiter>(13);
    for (let index = 0; index < 100; index += 1) queues.add(waiter('logs', true));
    for (let index = 0; index < 100; index += 1) {
      const next = queues.next(0);
      if (next !== undefined) queues.grant(next);
    }
    expect(queues.waiting('logs')).toBe(0);
  });

  it('let a stream pass those of its class that need a slot and have none', () => {
    const queues = new ClassQueues<Waiter>(RESERVED_SLOTS + 1);
    fill(queues, ['logs'], CLASS_SHARES.logs.reservedSlots + 2);
    for (let next = queues.next(0); next !== undefined; next = queues.next(0)) queues.grant(next);
    queues.add(waiter('logs', true));
    expect(queues.next(0)).toMatchObject({ stream: true });
    expect(queues.waiting('logs')).toBe(2);
  });

  it('hold only the class that was told to come later', () => {
    const queues = new ClassQueues<Waiter>(24);
    fill(queues, ['create', 'stop'], 2);
    queues.hold('create', 1_000);
    expect(granted(queues, 2)).toEqual(['stop', 'stop']);
    expect(queues.next(999)).toBeUndefined();
    expect(queues.next(1_000)?.requestClass).toBe('create');
  });
});
