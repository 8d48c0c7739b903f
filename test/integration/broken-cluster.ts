import type { ProviderHealth } from '@image-factory/domain';
import type { FakeFault } from '@image-factory/test-support';
import type { BrokenWorld } from './broken-world.ts';

/** A way to be broken: how, what health says and why, at which step a connection test ends, with which advice. */
export type Row = readonly [
  name: string,
  breakIt: (world: BrokenWorld) => unknown,
  health: `${ProviderHealth} ${string}`,
  message: RegExp,
  step: string,
  fix?: RegExp,
];

/** So often that it is for ever. */
export const ALWAYS = 100;

export const point = (change: Record<string, string>) => (world: BrokenWorld) => Object.assign(world.config, change);

export const fault = (match: { path: string | RegExp }, what: FakeFault) => (world: BrokenWorld) =>
  world.server.fault(match, what, ALWAYS);

export const status = (code: number, more: Partial<Extract<FakeFault, { kind: 'status' }>> = {}): FakeFault => ({
  kind: 'status',
  status: code,
  ...more,
});

export const named = (resolve: BrokenWorld['resolve']) => (world: BrokenWorld) => {
  world.resolve = resolve;
  world.config['endpoint'] = 'https://cluster.example:6443';
};
