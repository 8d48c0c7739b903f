import { describe, expect, it } from 'vitest';
import { BUILD_STATUSES, BUILD_TRANSITIONS, isTerminalBuildStatus, TERMINAL_BUILD_STATUSES } from './build-status.js';
import { EXECUTION_STATES, EXECUTION_TRANSITIONS, TERMINAL_EXECUTION_STATES } from './build-execution-state.js';
import { canTransition, sourcesOf } from './transition-table.js';

describe('build transitions', () => {
  it('cover every status and lead only to statuses', () => {
    expect(Object.keys(BUILD_TRANSITIONS).sort()).toEqual([...BUILD_STATUSES].sort());
    for (const targets of Object.values(BUILD_TRANSITIONS)) {
      for (const target of targets) expect(BUILD_STATUSES).toContain(target);
    }
  });

  it('end in completed, failed and cancelled, and never leave them', () => {
    expect([...TERMINAL_BUILD_STATUSES].sort()).toEqual(['cancelled', 'completed', 'failed']);
    for (const terminal of TERMINAL_BUILD_STATUSES) {
      expect(BUILD_STATUSES.some((status) => canTransition(BUILD_TRANSITIONS, terminal, status))).toBe(false);
      expect(isTerminalBuildStatus(terminal)).toBe(true);
    }
  });

  it('confirm a running build’s cancel only through cancelling', () => {
    expect(sourcesOf(BUILD_TRANSITIONS, 'cancelled').sort()).toEqual(['cancelling', 'queued']);
  });
});

describe('execution transitions', () => {
  it('cover every state', () => {
    expect(Object.keys(EXECUTION_TRANSITIONS).sort()).toEqual([...EXECUTION_STATES].sort());
  });

  it('reach success only through sealing and promoting', () => {
    expect(sourcesOf(EXECUTION_TRANSITIONS, 'succeeded')).toEqual(['promoting']);
    expect(sourcesOf(EXECUTION_TRANSITIONS, 'promoting')).toEqual(['sealing']);
  });

  it('release only what has touched no cluster', () => {
    expect(sourcesOf(EXECUTION_TRANSITIONS, 'released')).toEqual(['placing']);
  });

  it('never call an attempt lost whose outcome is fixed', () => {
    expect(sourcesOf(EXECUTION_TRANSITIONS, 'lost').sort()).toEqual(['creating', 'running', 'starting']);
    expect([...TERMINAL_EXECUTION_STATES].sort()).toEqual([
      'cancelled',
      'failed',
      'lost',
      'moved',
      'released',
      'succeeded',
    ]);
  });
});
