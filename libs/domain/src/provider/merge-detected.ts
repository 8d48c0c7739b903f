import { DETECTED_PARTS, type DetectedCapabilities, type DetectedPart } from './detected.js';

type Fields = Omit<DetectedCapabilities, 'undetected' | 'detectedAt' | 'seenAt' | 'generation'>;

/** What each part of a look is made of. */
const FIELDS_OF: Readonly<Record<DetectedPart, readonly (keyof Fields)[]>> = {
  nodes: ['architectures', 'operatingSystems', 'gpus', 'gpuKinds', 'largestNode'],
  storage: ['storageClasses'],
  kubernetes: ['kubernetesVersion'],
  tekton: ['tektonVersion'],
  tektonFeatures: ['tektonFeatures'],
};

/** Answers that are news about the cluster itself: what was there before is not there any more. */
const GONE: readonly string[] = ['ObjectNotFound', 'TektonNotInstalled'];

/**
 * A new look over the one before, of the same generation: a part that could not be seen now stays as it was seen last, with
 * the time of that; a part that is gone is gone. Without such a look before: the new one, with its times.
 */
export function mergeDetected(
  before: DetectedCapabilities | undefined,
  look: DetectedCapabilities,
): DetectedCapabilities {
  const known = before?.generation === look.generation ? before : undefined;
  const kept = DETECTED_PARTS.filter((part) => isKept(part, known, look));
  const seen = DETECTED_PARTS.filter((part) => look.undetected[part] === undefined);
  return {
    ...look,
    ...Object.fromEntries(kept.flatMap((part) => fieldsOf(part, known))),
    seenAt: Object.fromEntries([
      ...kept.map((part) => [part, known?.seenAt?.[part]]),
      ...seen.map((part) => [part, look.detectedAt]),
    ]),
  };
}

function isKept(part: DetectedPart, known: DetectedCapabilities | undefined, look: DetectedCapabilities): boolean {
  const why = look.undetected[part];
  return why !== undefined && !GONE.includes(why.reason) && known?.seenAt?.[part] !== undefined;
}

function fieldsOf(part: DetectedPart, known: DetectedCapabilities | undefined): [string, unknown][] {
  return FIELDS_OF[part].flatMap((field): [string, unknown][] =>
    known?.[field] === undefined ? [] : [[field, known[field]]],
  );
}
