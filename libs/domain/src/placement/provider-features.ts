import { detectedLabels, detectedWords } from '../provider/detected.js';
import type { Provider } from '../provider/provider.js';
import { ARCHITECTURES, OPERATING_SYSTEMS } from './requirements.js';

/** What a provider's features are read from: what its admin declared, and what was detected. */
export type FeaturedProvider = Pick<Provider, 'capabilities' | 'labels' | 'region' | 'detected'>;

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
  return detectedWords(detected).includes(word);
}

function isAnyOsKnown({ capabilities, detected }: FeaturedProvider): boolean {
  if ((detected?.operatingSystems?.length ?? 0) > 0) return true;
  return OPERATING_SYSTEMS.some((word) => capabilities.includes(word));
}

/** Architectures of its nodes; empty: nobody knows. */
export function architecturesOf(provider: FeaturedProvider): string[] {
  return ARCHITECTURES.filter((word) => offers(provider, word));
}

/** The value of a label: declared, else detected; undefined when it has none. */
export function labelOf({ labels, detected }: FeaturedProvider, name: string): string | undefined {
  return labels[name] ?? detectedLabels(detected)[name];
}

/** Where it is; one that has no region of its own is where its label `region` says. */
export function regionOf({ region, labels }: FeaturedProvider): string | undefined {
  return region ?? labels['region'];
}
