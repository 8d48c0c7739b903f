import type { Provider } from '../provider/provider.js';
import { ARCHITECTURES, OPERATING_SYSTEMS } from './requirements.js';

/** What a look at a cluster's nodes found; a part that nobody looked for is left out. */
export interface DetectedFeatures {
  readonly architectures?: readonly string[];
  readonly operatingSystems?: readonly string[];
  /** GPUs of all nodes together. */
  readonly gpus?: number;
  /** The largest allocatable figures of one node: thousandths of a CPU, bytes. */
  readonly largestNode?: { readonly cpuMillis?: number; readonly memoryBytes?: number };
}

/** What a provider's features are read from: what its admin declared, and what was detected. */
export type FeaturedProvider = Pick<Provider, 'capabilities' | 'labels' | 'region'> & {
  readonly detected?: DetectedFeatures | undefined;
};

/** The word for a GPU among capabilities. */
export const GPU = 'gpu';

/**
 * True when the provider offers what a build asks for with this word: declared or detected, either is enough. A provider
 * of which no operating system is known runs linux, as every step of Tekton's does; its architecture is not guessed.
 */
export function offers(provider: FeaturedProvider, word: string): boolean {
  const { capabilities, detected } = provider;
  if (capabilities.includes(word)) return true;
  if (word === 'linux' && !isAnyOsKnown(provider)) return true;
  if (detected === undefined) return false;
  if (word === GPU && (detected.gpus ?? 0) > 0) return true;
  return detected.architectures?.includes(word) === true || detected.operatingSystems?.includes(word) === true;
}

function isAnyOsKnown({ capabilities, detected }: FeaturedProvider): boolean {
  if ((detected?.operatingSystems?.length ?? 0) > 0) return true;
  return OPERATING_SYSTEMS.some((word) => capabilities.includes(word));
}

/** Architectures of its nodes; empty: nobody knows. */
export function architecturesOf(provider: FeaturedProvider): string[] {
  return ARCHITECTURES.filter((word) => offers(provider, word));
}

/** Where it is; one that has no region of its own is where its label `region` says. */
export function regionOf({ region, labels }: FeaturedProvider): string | undefined {
  return region ?? labels['region'];
}
