/** One provider on the ring of a project. */
export interface RingMember {
  readonly id: string;
  /** Relative share of builds that it is to have; more than 0. */
  readonly weight: number;
  readonly running: number;
}

/** Nobody has more than this much of the mean load while another has less. */
export const LOAD_FACTOR = 1.25;
/** Builds that a provider may always have: below it a share says nothing, and warmth is worth more. */
export const LOAD_FLOOR = 4;

/**
 * Each member's distance from a key, by weighted rendezvous hashing: the nearest is the key's home. When a member leaves,
 * only the keys whose home it was move; a member with twice the weight is home to twice the keys.
 */
export function ringDistances(key: string, members: readonly RingMember[]): number[] {
  const seed = hashOf(key);
  return members.map(({ id, weight }) => -Math.log((mixed(seed ^ hashOf(id)) + 0.5) / 2 ** 32) / weight);
}

/**
 * The most builds that each member may have with one more placed: {@link LOAD_FACTOR} times its weighted share, rounded
 * up. Their sum is more than what runs and that one, so that some member always has room.
 */
export function loadBounds(members: readonly RingMember[]): number[] {
  const total = members.reduce((sum, member) => sum + member.running, 1);
  const weights = members.reduce((sum, member) => sum + member.weight, 0);
  return members.map(({ weight }) => Math.max(LOAD_FLOOR, Math.ceil((LOAD_FACTOR * total * weight) / weights - 1e-9)));
}

/** FNV-1a over UTF-16 units, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash;
}

/** The finaliser of MurmurHash3: every bit of the input moves half of the output's. */
function mixed(hash: number): number {
  let value = hash;
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
